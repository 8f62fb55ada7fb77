package certificate

import (
	"bytes"
	"crypto/tls"
	"net"
	"testing"
	"time"
)

// What a check expects is shown at the port of TLS, to clients of challenges alone and until it is forgotten.
func TestOrdered_ShowsWhatACheckExpects(t *testing.T) {
	o, err := NewOrdered(standInConfig(t, "a.example.org"))
	if err != nil {
		t.Fatal(err)
	}
	served := (&Combined{Ordered: o}).TLS()
	served.NextProtos = append([]string{"http/1.1"}, served.NextProtos...)
	ask := func(protocols ...string) []byte {
		near, far := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = far.SetDeadline(time.Now().Add(10 * time.Second))
			_ = tls.Server(far, served).HandshakeContext(t.Context())
		}()
		conn := tls.Client(near, &tls.Config{ServerName: "A.example.org", NextProtos: protocols, InsecureSkipVerify: true}) //nolint:gosec // The test looks at the certificate itself.
		err := conn.HandshakeContext(t.Context())
		_ = near.Close()
		<-ended
		if err != nil {
			return nil
		}
		return conn.ConnectionState().PeerCertificates[0].Raw
	}
	made := issue(t, nil, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "a.example.org")
	expected, err := tls.X509KeyPair(made.certificate, made.key)
	if err != nil {
		t.Fatal(err)
	}
	c := o.checks("a.example.org")
	forget := c.ExpectTLS("a.example.org", &expected)
	if !bytes.Equal(ask("acme-tls/1"), expected.Certificate[0]) {
		t.Error("a client of the challenge is not shown what is expected")
	}
	if ask("http/1.1") != nil || ask("http/1.1", "acme-tls/1") != nil {
		t.Error("another client is shown it as well")
	}
	forget()
	if ask("acme-tls/1") != nil {
		t.Error("it is shown after the check")
	}

	forget = c.Expect("a.example.org", "token", "answer")
	if answer, found := o.Challenge("a.example.org", "token"); !found || answer != "answer" {
		t.Errorf("the token is answered with %q (%v)", answer, found)
	}
	forget()
	if _, found := o.Challenge("a.example.org", "token"); found {
		t.Error("the token is answered after the check")
	}
}
