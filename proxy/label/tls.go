package label

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"strings"
)

// maxClientCA is how long the certificates of a route's client authorities may be, in bytes.
const maxClientCA = 16 << 10

func readTLSRedirect(c *Claim, value string) *fault {
	switch value {
	case "on", "off":
		c.Policy.PlainHTTP = value == "off"
		return nil
	}
	return choice(value, "on", "off")
}

// readTLSClient reads PEM certificates, and keeps them as they are written by the library: two routes that name the same
// authorities have the same value, however their files are wrapped and commented.
func readTLSClient(c *Claim, value string) *fault {
	const fix = "write the certificates of the authorities that sign your clients', each from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----, with its line breaks"
	var kept strings.Builder
	rest, n := []byte(value), 0
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		n++
		rest = after
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return &fault{"it has a private key, and whoever may see containers reads labels", "write the certificate alone, and replace the key: others may know it"}
		case block.Type != "CERTIFICATE":
			return &fault{fmt.Sprintf("part %d is %s; it takes certificates", n, quote(block.Type)), fix}
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return &fault{fmt.Sprintf("part %d is no certificate: %v", n, err), fix}
		}
		// A strings.Builder takes everything.
		_ = pem.Encode(&kept, &pem.Block{Type: block.Type, Bytes: block.Bytes})
	}
	if n == 0 || strings.Contains(string(rest), "-----BEGIN") {
		return &fault{fmt.Sprintf("what follows %d certificates in it is none that can be read; it takes certificates in PEM", n), fix}
	}
	c.Policy.ClientCA = kept.String()
	return nil
}

// unaskable are the problems of a route whose clients need certificates, and that has no host to ask them for: clients
// name a host in their handshake, and neither a path nor an address.
func (g *group) unaskable(c Claim) []Problem {
	if c.Policy.ClientCA == "" {
		return nil
	}
	label, host := g.labels["tls.client"], g.spell("host")
	if g.labels["host"] == "" {
		return []Problem{{
			Label:   label,
			Message: fmt.Sprintf("%s: clients are asked for certificates before they say which path they want, and there is no %s", label, host),
			Fix:     fmt.Sprintf("add %s, such as %s=admin.example.org: it then holds for all of that host", host, host),
		}}
	}
	if _, err := netip.ParseAddr(c.Key.Host); err == nil {
		return []Problem{{
			Label:   label,
			Message: fmt.Sprintf("%s: clients name no addresses when they are asked for certificates, and %s is one", label, host),
			Fix:     "write a name into " + host + ", such as admin.example.org",
		}}
	}
	return nil
}
