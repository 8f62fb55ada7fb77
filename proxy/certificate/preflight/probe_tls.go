package preflight

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"time"
)

// challengeProtocol is what clients of the TLS-ALPN-01 challenge speak alone (RFC 8737).
const challengeProtocol = "acme-tls/1"

// probeTLS asks for a certificate at each address. Addresses as names are not probed: authorities ask for them by another
// name.
func (r *run) probeTLS(ctx context.Context, addresses []netip.Addr) []probed {
	if _, err := netip.ParseAddr(r.Name); err == nil || r.ExpectTLS == nil || len(addresses) == 0 {
		return nil
	}
	shown, err := selfSigned(r.Name)
	if err != nil {
		return nil
	}
	forget := r.ExpectTLS(r.Name, shown)
	defer forget()
	results := make([]probed, len(addresses))
	for i, ip := range addresses {
		results[i] = r.probeOneTLS(ctx, ip, shown)
	}
	return results
}

// probeOneTLS makes a handshake at one address.
func (r *run) probeOneTLS(ctx context.Context, ip netip.Addr, shown *tls.Certificate) probed {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Timeout, 5*time.Second))
	defer cancel()
	raw, err := r.Dial(ctx, "tcp", joined(ip, r.HTTPSPort))
	if err != nil {
		return failed(ip, err, "")
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{
		ServerName: r.Name, NextProtos: []string{challengeProtocol}, MinVersion: tls.VersionTLS12,
		// The certificate is compared below.
		InsecureSkipVerify: true, //nolint:gosec // As the comment says.
	})
	err = conn.HandshakeContext(ctx)
	_, alert := errors.AsType[*net.OpError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case noTLS:
		return probed{ip, foreign, "it speaks no TLS"}
	case err != nil && alert && !isTimeout(err) && ctx.Err() == nil:
		return probed{ip, foreign, "it refuses the handshake of a challenge: " + err.Error()}
	case err != nil:
		return failed(ip, err, "")
	}
	leaf := conn.ConnectionState().PeerCertificates[0]
	if bytes.Equal(leaf.Raw, shown.Certificate[0]) {
		return probed{ip, ours, ""}
	}
	return probed{ip, foreign, fmt.Sprintf("it shows a certificate of %.80q", subject(leaf))}
}

// subject is the first name in a certificate.
func subject(c *x509.Certificate) string {
	if len(c.DNSNames) > 0 {
		return c.DNSNames[0]
	}
	return c.Subject.String()
}

func isTimeout(err error) bool {
	timeout, is := errors.AsType[net.Error](err)
	return is && timeout.Timeout()
}

// selfSigned makes a certificate that nobody trusts, which tells the gateway from other servers.
func selfSigned(name string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), DNSNames: []string{name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: key}, nil
}
