package certificate

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
)

// acmeProtocol is what a certificate authority offers in the handshake of a TLS-ALPN-01 challenge (RFC 8737 section 4),
// and no other client.
const acmeProtocol = "acme-tls/1"

// TLS implements Manager. Cipher suites and curves are those of the Go standard library, which follow what is known of
// them. A client that names a host without a certificate gets the alert unrecognized_name (RFC 6066 section 3), never the
// certificate of another host.
func (c *Combined) TLS() *tls.Config {
	config := c.base()
	config.GetConfigForClient = c.configFor
	if c.Ordered != nil {
		config.NextProtos = []string{acmeProtocol}
	}
	return config
}

// base is what the configurations of all hosts have in common.
func (c *Combined) base() *tls.Config {
	return &tls.Config{
		MinVersion: cmp.Or(c.MinVersion, tls.VersionTLS12),
		// Without a certificate and without an error, the library sends the alert.
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return c.certificate(hello), nil },
	}
}

// certificate returns what a client is shown, nil for none.
func (c *Combined) certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	switch {
	case validates(hello):
		if c.Ordered == nil {
			return nil
		}
		return c.Ordered.Certificate(hello)
	case hello.ServerName == "":
		return c.unnamed(hello)
	}
	if lower := strings.ToLower(hello.ServerName); lower != hello.ServerName {
		spelled := *hello
		spelled.ServerName = lower
		hello = &spelled
	}
	return c.prefer(func(s source) *tls.Certificate { return s.Certificate(hello) })
}

// unnamed returns what a client that names no host is shown, nil for none: the certificate of the address where it
// connected, else one from a file that has any address, since a published port hides the one that the client used, else
// that of the site, else the first of all.
func (c *Combined) unnamed(hello *tls.ClientHelloInfo) *tls.Certificate {
	if address := localAddress(hello); address != "" {
		if cert := c.lookup(address); cert != nil {
			return cert
		}
	}
	if c.Files != nil {
		if cert := c.Files.Certificate(hello); cert != nil {
			return cert
		}
	}
	if len(c.Domains) > 0 {
		if cert := c.lookup(c.Domains[0]); cert != nil {
			return cert
		}
	}
	if c.Ordered != nil {
		if cert := c.Ordered.Certificate(hello); cert != nil {
			return cert
		}
	}
	if c.Files != nil {
		return c.Files.First()
	}
	return nil
}

// validates reports the handshake of a TLS-ALPN-01 challenge.
func validates(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acmeProtocol
}

// localAddress is the address where a client connected, empty when it is on no network.
func localAddress(hello *tls.ClientHelloInfo) string {
	if hello.Conn == nil {
		return ""
	}
	var ip net.IP
	switch at := hello.Conn.LocalAddr().(type) {
	case *net.TCPAddr:
		ip = at.IP
	case *net.UDPAddr:
		ip = at.IP
	}
	address, ok := netip.AddrFromSlice(ip)
	if !ok {
		return ""
	}
	return address.Unmap().String()
}

// isAddress reports that a host is an IP address.
func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// isFor reports that a certificate is for a host. Its dates do not count: a client that accepted it goes on.
func isFor(cert *tls.Certificate, host string) bool {
	return cert != nil && cert.Leaf != nil && cert.Leaf.VerifyHostname(host) == nil
}
