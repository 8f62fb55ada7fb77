package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// certificate makes a self-signed one.
func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"h"}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// modern is an engine behind a listener with TLS, and a client that speaks HTTP/2 with it.
type modern struct {
	running
	client *http.Client
}

// url is that of a path.
func (m modern) url(path string) string { return "https://" + m.address + path }

func servingTLS(t testing.TB, c Config) modern {
	t.Helper()
	c.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	m := modern{running: servingOn(t, c, true)}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, DisableCompression: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	m.client = &http.Client{Transport: transport}
	return m
}

// throughTLS puts an engine between HTTP/2 and a backend of that scheme.
func throughTLS(t testing.TB, scheme Scheme, backend http.HandlerFunc) (modern, *carrier) {
	t.Helper()
	p := &carrier{hooks: none{}, fails: make(chan error, 1000)}
	m := servingTLS(t, Config{Handler: p})
	p.to = m.Upstream(scheme, serve(t, scheme, backend))
	return m, p
}

// serve starts a backend of that scheme and returns its address.
func serve(t testing.TB, scheme Scheme, backend http.HandlerFunc) string {
	t.Helper()
	app := httptest.NewUnstartedServer(backend)
	if scheme == H2C {
		app.Config.Protocols = new(http.Protocols)
		app.Config.Protocols.SetUnencryptedHTTP2(true)
	}
	app.Start()
	t.Cleanup(app.Close)
	return app.Listener.Addr().String()
}

// priorClient speaks HTTP/2 without TLS.
func priorClient(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (m modern) do(t testing.TB, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := m.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Fatalf("the response is of %s", resp.Proto)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// schemes are those of targets, for tests of both.
func schemes(t *testing.T, test func(t *testing.T, scheme Scheme)) {
	for _, scheme := range []Scheme{HTTP, H2C} {
		t.Run(string(scheme), func(t *testing.T) { test(t, scheme) })
	}
}
