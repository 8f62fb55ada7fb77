package certificate_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/certificate"
)

// root is an authority for the certificates of tests.
type root struct {
	cert *x509.Certificate
	key  crypto.Signer
	// pem is the root.
	pem string
}

func newRoot(t testing.TB) *root {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &root{parsed, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate for names and addresses.
func (s *root) sign(t testing.TB, names ...string) *tls.Certificate {
	t.Helper()
	return s.signFor(t, newKey(t), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC), names...)
}

func (s *root) signFor(t testing.TB, key crypto.Signer, from, to time.Time, names ...string) *tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, NotBefore: from, NotAfter: to,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, s.cert, key.Public(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// shelf is a source with fixed certificates, by the names of hosts and by wildcards.
type shelf struct {
	certificates map[string]*tls.Certificate
	// challenge is for handshakes of TLS-ALPN-01.
	challenge *tls.Certificate
	internal  []string
	renewed   []string
	hosts     []certificate.Host
}

// newShelf has the certificates by their names.
func newShelf(certificates ...*tls.Certificate) *shelf {
	s := &shelf{certificates: map[string]*tls.Certificate{}}
	for _, c := range certificates {
		for _, name := range c.Leaf.DNSNames {
			s.certificates[name] = c
		}
		for _, ip := range c.Leaf.IPAddresses {
			s.certificates[ip.String()] = c
		}
	}
	return s
}

func (s *shelf) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	if slices.Equal(hello.SupportedProtos, []string{"acme-tls/1"}) {
		return s.challenge
	}
	return s.Lookup(hello.ServerName)
}

func (s *shelf) Lookup(host string) *tls.Certificate {
	if c := s.certificates[host]; c != nil {
		return c
	}
	_, parent, found := strings.Cut(host, ".")
	if !found {
		return nil
	}
	return s.certificates["*."+parent]
}

func (s *shelf) First() *tls.Certificate { return s.certificates["first"] }

func (s *shelf) States() []certificate.State {
	var states []certificate.State
	for name := range s.certificates {
		states = append(states, certificate.State{Name: name, File: "/etc/" + name + ".pem"})
	}
	return states
}

func (s *shelf) Challenge(host, token string) (string, bool) { return host + token, true }

func (s *shelf) SetHosts(hosts []certificate.Host) { s.hosts = hosts }

func (s *shelf) Internal(host string) bool { return slices.Contains(s.internal, host) }

func (s *shelf) Renew(name string, _ bool) error {
	s.renewed = append(s.renewed, name)
	return nil
}

func (s *shelf) Check(context.Context, string) []certificate.Finding {
	return []certificate.Finding{{Subject: "dns", Verdict: certificate.Good}}
}

// tlsServer is a server of HTTPS without the HTTP: it says a word to each client after its handshake.
type tlsServer struct {
	net.Listener
	mu sync.Mutex
	// negotiated are the protocols of the connections that were opened.
	negotiated []string
}

// open serves TLS until the test ends.
func open(t testing.TB, config *tls.Config) *tlsServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It cannot block.
	if err != nil {
		t.Fatal(err)
	}
	d := &tlsServer{Listener: l}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			accepted, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { d.greet(tls.Server(accepted, config)) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	return d
}

func (d *tlsServer) greet(conn *tls.Conn) {
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(timeout)) != nil || conn.HandshakeContext(context.Background()) != nil {
		return
	}
	d.mu.Lock()
	d.negotiated = append(d.negotiated, conn.ConnectionState().NegotiatedProtocol)
	d.mu.Unlock()
	_, _ = conn.Write([]byte("hello"))
}

// timeout is how long a test waits for what should happen at once.
const timeout = 20 * time.Second

// greeted connects as a client and returns the state of the connection once the server has said its word. Of TLS 1.3, only
// then the server has seen the client's certificate, and the session's ticket has arrived.
func (d *tlsServer) greeted(t testing.TB, config *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	dialer := net.Dialer{Timeout: timeout}
	conn, err := tls.DialWithDialer(&dialer, "tcp", d.Addr().String(), config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		t.Fatal(err)
	}
	word, err := io.ReadAll(conn)
	if err == nil && string(word) != "hello" {
		err = errors.New("the server says " + string(word))
	}
	return conn.ConnectionState(), err
}

// asking is the configuration of a client that names a host, and believes any certificate.
func asking(host string) *tls.Config {
	return &tls.Config{ServerName: host, InsecureSkipVerify: true} //nolint:gosec // The test looks at the certificate itself.
}

// nameOf is the first name of what a server showed.
func nameOf(state tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return ""
	}
	return state.PeerCertificates[0].Subject.CommonName
}

// addressOf is the address of a hello without a connection.
type addressOf struct {
	net.Conn
	address string
}

func (a addressOf) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(a.address))
}

// hostNumber is one of many hosts.
func hostNumber(i int) string { return "host" + strconv.Itoa(i) + ".example.org" }

// benchmarkHandshakes makes full handshakes, one after the other, without a network.
func benchmarkHandshakes(b *testing.B, server, client *tls.Config) {
	for b.Loop() {
		near, far := net.Pipe()
		failed := make(chan error, 1)
		go func() { failed <- tls.Server(far, server).HandshakeContext(b.Context()) }()
		conn := tls.Client(near, client)
		if err := conn.HandshakeContext(b.Context()); err != nil {
			b.Fatal(err)
		}
		// The tickets of TLS 1.3 have to be read.
		go func() { _, _ = io.Copy(io.Discard, near) }()
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
		_, _ = near.Close(), far.Close()
	}
}
