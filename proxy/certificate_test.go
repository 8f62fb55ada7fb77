package proxy

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/certificate/certificatetest"
	"gateway/proxy/route"
)

// challengePath is that of the token which expecting expects for example.org.
const challengePath = "/.well-known/acme-challenge/To_ken-1"

// expecting is a manager with a challenge under way.
func expecting() *certificatetest.Manager {
	m := new(certificatetest.Manager)
	m.Expect("example.org", "To_ken-1", "To_ken-1.thumbprint")
	return m
}

// isAuthorization fails unless the response is that of the challenge.
func isAuthorization(t *testing.T, got response) {
	t.Helper()
	if kind := got.Header.Get("Content-Type"); got.StatusCode != 200 || got.body != "To_ken-1.thumbprint" || kind != "application/octet-stream" {
		t.Errorf("%d %q of %q, want the key authorization", got.StatusCode, got.body, kind)
	}
}

func TestChallenge_IsServedBeforeRouting(t *testing.T) {
	x := app(t, "x", nil)
	limited := mount(t, "/", route.Strip, x)
	limited.Rate = route.Rate{Requests: 1, Per: time.Hour, Burst: 1}
	redirect := mount(t, "/", route.Strip, x)
	redirect.Redirect = "https://example.org/"
	expired := at("x", "")
	expired.State = route.Expired
	for name, routes := range map[string][]route.Route{
		"without a table": nil, "with an empty table": {}, "with a rate": {limited}, "with a redirect": {redirect},
		"expired": {mount(t, "/", route.Strip, expired)},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, Config{Certificates: expecting(), Hold: patience}, routes...)
			for range 3 {
				isAuthorization(t, p.do(t, "GET", challengePath))
			}
		})
	}
	t.Run("paused", func(t *testing.T) {
		p := start(t, Config{Certificates: expecting()}, mount(t, "/", route.Strip, x))
		pauseRoute(t, p.Server, "/", admin.Pause{Wait: patience.Milliseconds()})
		isAuthorization(t, p.do(t, "GET", challengePath))
	})
}

func TestChallenge_IsServedForEverySpellingOfTheHost(t *testing.T) {
	p := start(t, Config{Certificates: expecting(), Trusted: trusting(t, "127.0.0.1")}, mount(t, "/", route.Strip, app(t, "x", nil)))
	for _, host := range []string{"example.org", "EXAMPLE.org.", "example.org:80"} {
		isAuthorization(t, p.raw(t, "GET", "GET "+challengePath+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"))
	}
	isAuthorization(t, p.raw(t, "GET", "GET http://example.org"+challengePath+" HTTP/1.1\r\nHost: other.org\r\nConnection: close\r\n\r\n"))
	// A proxy before this one may take TLS off, and name the host.
	isAuthorization(t, p.do(t, "GET", challengePath, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"))
	isAuthorization(t, p.raw(t, "GET", "GET "+challengePath+" HTTP/1.1\r\nHost: inner\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: example.org\r\nConnection: close\r\n\r\n"))
	if got := p.do(t, "HEAD", challengePath); got.StatusCode != 200 || got.ContentLength != int64(len("To_ken-1.thumbprint")) || got.body != "" {
		t.Errorf("HEAD: %d, length %d, %q", got.StatusCode, got.ContentLength, got.body)
	}
}

func TestChallenge_IsServedOverHTTP2WithoutTLS(t *testing.T) {
	p := start(t, Config{Certificates: expecting()})
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	req := requestHTTP2(t, "GET", challengePath, nil)
	req.URL.Scheme, req.URL.Host = "http", p.address
	isAuthorization(t, doHTTP2(t, &http.Client{Transport: transport}, req))
}

func TestChallenge_ForwardsUnknownTokens(t *testing.T) {
	p := start(t, withTLS(t, Config{}), mount(t, "/", route.Strip, app(t, "x", nil)))
	p.config.Certificates.(*certificatetest.Manager).Expect("example.org", "To_ken-1", "secret")
	for _, c := range []struct{ method, target string }{
		{"GET", "/.well-known/acme-challenge/other"},
		{"GET", "/.well-known/acme-challenge/to_ken-1"},
		{"GET", "/.well-known/acme-challenge/"},
		{"GET", "/.well-known/acme-challenge"},
		{"GET", challengePath + "/"},
		{"GET", strings.Replace(challengePath, "T", "%54", 1)},
		{"GET", strings.Replace(challengePath, "w", "%77", 1)},
		{"GET", "/" + challengePath},
		{"GET", "/x/.." + challengePath},
		{"POST", challengePath},
		{"DELETE", challengePath},
	} {
		if got := p.do(t, c.method, c.target); got.StatusCode != 200 || !strings.HasPrefix(got.body, "x "+c.method) {
			t.Errorf("%s %s: %d %q, want the app's response", c.method, c.target, got.StatusCode, got.body)
		}
	}
	if got := p.raw(t, "GET", "GET "+challengePath+" HTTP/1.1\r\nHost: other.org\r\nConnection: close\r\n\r\n"); got.body != "x GET "+challengePath {
		t.Errorf("for another host: %d %q, want the app's response", got.StatusCode, got.body)
	}
	if got := doHTTP2(t, p.http2(t, ""), requestHTTP2(t, "GET", challengePath, nil)); got.body != "x GET "+challengePath {
		t.Errorf("over TLS: %d %q, want the app's response", got.StatusCode, got.body)
	}
}

func TestServer_NamesTheHostsOfEachTable(t *testing.T) {
	m, folder := new(certificatetest.Manager), t.TempDir()
	serve := func() *Server {
		s, err := New(Config{Certificates: m, StateDir: folder})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	check := func(when string, want ...[]string) {
		t.Helper()
		var got [][]string
		for _, hosts := range m.Hosts() {
			names := []string{}
			for _, h := range hosts {
				names = append(names, h.Name)
			}
			got = append(got, names)
		}
		if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	s := serve()
	check("without a table")
	first, none := []string{"a.example.org", "b.example.org"}, []string{}
	s.SetTable(tableOf(t, "b.example.org/x", "/", "B.example.org/y", "a.example.org/"))
	check("with a table", first)
	s.SetTable(tableOf(t, "b.example.org/x", "/", "B.example.org/y", "a.example.org/"))
	check("with the same table", first)
	s.SetTable(tableOf(t, "/"))
	check("with a table for any host", first, none)
	s.SetTable(tableOf(t, "c.example.org/"))
	serve()
	check("restored", first, none, []string{"c.example.org"}, []string{"c.example.org"})
}

func TestNew_RefusesTLSWithoutCertificates(t *testing.T) {
	_, err := New(Config{TLSListen: []string{"127.0.0.1:0"}})
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v, want an error that names the certificate", err)
	}
}

func TestServer_OffersTheProtocolsOfItsCertificates(t *testing.T) {
	c := withTLS(t, Config{})
	c.Certificates.(*certificatetest.Manager).Config.NextProtos = []string{"acme-tls/1"}
	p := start(t, c)
	for _, name := range []string{"acme-tls/1", "h2"} {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", secureAddress(t, p), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{name}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := conn.ConnectionState().NegotiatedProtocol; got != name {
			t.Errorf("%s was offered and %q chosen", name, got)
		}
		_ = conn.Close()
	}
}
