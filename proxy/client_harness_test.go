package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gateway/proxy/certificate/certificatetest"
	"gateway/proxy/peer"
)

// trusting parses networks.
func trusting(t testing.TB, texts ...string) *peer.Networks {
	t.Helper()
	n, err := peer.ParseNetworks(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// withTLS adds a listener with TLS.
func withTLS(t *testing.T, c Config) Config {
	t.Helper()
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	c.TLSListen = []string{"127.0.0.1:0"}
	c.Certificates = &certificatetest.Manager{Config: &tls.Config{Certificates: other.TLS.Certificates, MinVersion: tls.VersionTLS12}}
	return c
}

// secureAddress is the address at which the proxy listens with TLS.
func secureAddress(t *testing.T, p *running) string {
	t.Helper()
	for _, url := range p.Status().Proxy.Listeners {
		if address, secure := strings.CutPrefix(url, "https://"); secure {
			return address
		}
	}
	t.Fatal("the proxy does not listen with TLS")
	return ""
}

// http2 is a client of HTTP/2 over TLS, each of whose connections begins with a text, such as a PROXY header.
func (p *running) http2(t *testing.T, preface string) *http.Client {
	t.Helper()
	address := secureAddress(t, p)
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			if _, err := io.WriteString(conn, preface); err != nil {
				return nil, err
			}
			secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
			return secured, secured.HandshakeContext(ctx)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// doHTTP2 sends a request over HTTP/2.
func doHTTP2(t *testing.T, c *http.Client, req *http.Request) response {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Errorf("%s %s: the response is %s", req.Method, req.URL, resp.Proto)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	return response{resp, string(got)}
}

// requestHTTP2 is a request for doHTTP2. Headers are "Name: value".
func requestHTTP2(t *testing.T, method, path string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://example.org"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	return req
}
