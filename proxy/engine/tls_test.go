package engine

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// witness responds with what it is told of the client's handshake.
type witness struct{}

func (witness) Serve(x *Exchange) {
	said := "no TLS"
	if s := x.Request.TLS; s != nil {
		said = fmt.Sprintf("%q, %d chains", s.ServerName, len(s.Chains))
	}
	_ = x.Reply(http.StatusOK, nil, []byte(said))
}

func (witness) Refuse(x *Exchange, r *Refusal) { _ = x.Reply(r.Status, nil, nil) }

func TestRequest_KnowsTheHandshake(t *testing.T) {
	own := certificate(t)
	config := &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.VerifyClientCertIfGiven}
	config.ClientCAs = poolOf(t, own)
	r := servingOn(t, Config{Handler: witness{}, TLS: config}, true)
	for name, c := range map[string]struct {
		client *tls.Config
		want   string
	}{
		"a name":        {&tls.Config{ServerName: "A.example.org"}, `"a.example.org", 0 chains`},
		"none":          {&tls.Config{}, `"", 0 chains`},
		"a certificate": {&tls.Config{ServerName: "h", Certificates: []tls.Certificate{own}}, `"h", 1 chains`},
	} {
		for _, protocol := range []string{"h2", "http/1.1"} {
			client := c.client.Clone()
			client.InsecureSkipVerify, client.NextProtos = true, []string{protocol}
			transport := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: protocol == "h2"}
			t.Cleanup(transport.CloseIdleConnections)
			// Without a name, the client asks for an address.
			for range 2 {
				resp, err := transport.RoundTrip(request(t, http.MethodGet, "https://"+r.address+"/", nil))
				if err != nil {
					t.Fatalf("%s, %s: %v", name, protocol, err)
				}
				got, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if string(got) != c.want {
					t.Errorf("%s, %s: the handler is told %s, want %s", name, protocol, got, c.want)
				}
			}
		}
	}
}

func TestRequest_KnowsThatThereWasNoHandshake(t *testing.T) {
	r := serving(t, Config{Handler: witness{}})
	for name, client := range map[string]*http.Client{"HTTP/1.1": http.DefaultClient, "HTTP/2": priorClient(t)} {
		resp, err := client.Do(request(t, http.MethodGet, "http://"+r.address+"/", nil))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != "no TLS" {
			t.Errorf("%s: the handler is told %s", name, got)
		}
	}
}

// What is served over HTTP must not be reached over a protocol that only proves something by its handshake.
func TestEngine_ServesNothingOverOtherProtocols(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"acme-tls/1"}}
	r := servingOn(t, Config{Handler: witness{}, TLS: config}, true)
	conn, err := tls.Dial("tcp", r.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"acme-tls/1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if got, err := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("the client gets %q, %v", got, err)
	}
}

// poolOf trusts a certificate.
func poolOf(t *testing.T, c tls.Certificate) *x509.CertPool {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return pool
}
