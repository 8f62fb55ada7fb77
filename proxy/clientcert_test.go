package proxy

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/certificate"
	"gateway/proxy/route"
)

// authority signs certificates.
type authority struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{root, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))}
}

// sign returns the certificate and the key of names as PEM.
func (a *authority) sign(t *testing.T, names ...string) (signed, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.root, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// client is a certificate of a client.
func (a *authority) client(t *testing.T) *tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(a.sign(t, "ada"))
	if err != nil {
		t.Fatal(err)
	}
	return &pair
}

// showing is a proxy with certificates from files, one for each list of names.
func showing(t *testing.T, c Config, certificates ...[]string) Config {
	t.Helper()
	folder, a := t.TempDir(), newAuthority(t)
	var pairs []certificate.Pair
	for _, names := range certificates {
		pair := certificate.Pair{Certificate: filepath.Join(folder, names[0]+".pem"), Key: filepath.Join(folder, names[0]+".key")}
		signed, key := a.sign(t, names...)
		if err := os.WriteFile(pair.Certificate, signed, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(pair.Key, key, 0o600); err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, pair)
	}
	files, err := certificate.LoadFiles(certificate.FilesConfig{Pairs: pairs, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c.TLSListen, c.Certificates = []string{"127.0.0.1:0"}, &certificate.Combined{Files: files}
	return c
}

// secured is a connection of HTTP/1.1 over TLS.
type secured struct {
	*tls.Conn
	in *bufio.Reader
}

// overHTTP1 connects as a client that names a host, empty for none.
func (p *running) overHTTP1(t *testing.T, serverName string) secured {
	t.Helper()
	return p.overTLS(t, &tls.Config{ServerName: serverName})
}

// overTLS connects as that client, which believes any certificate.
func (p *running) overTLS(t *testing.T, client *tls.Config) secured {
	t.Helper()
	client.InsecureSkipVerify = true
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", secureAddress(t, p), client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return secured{conn, bufio.NewReader(conn)}
}

// do sends a request for a host. Headers are "Name: value".
func (s secured) do(t *testing.T, host, target string, headers ...string) response {
	t.Helper()
	head := "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	_, _ = io.WriteString(s, head+"\r\n")
	return read(t, s.in, "GET")
}

// refused reports that the connection ended without a response, as when the server wants a certificate.
func (s secured) refused() bool {
	_, _ = io.WriteString(s, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_, err := http.ReadResponse(s.in, nil)
	return err != nil
}

func TestServer_MisdirectsWhatTheCertificateIsNotFor(t *testing.T) {
	c := showing(t, Config{}, []string{"a.org", "b.org", "*.c.org"}, []string{"z.org"})
	p := start(t, c, mount(t, "/", route.Strip, app(t, "x", nil)), mount(t, "z.org/", route.Strip, app(t, "z", nil)))
	for _, is := range []struct {
		serverName, host string
		status           int
	}{
		{"a.org", "a.org", 200},
		{"a.org", "A.org:443", 200},
		{"A.ORG", "a.org", 200},
		{"a.org", "a.org.", 200},
		{"a.org", "b.org", 200},
		{"a.org", "x.c.org", 200},
		{"x.c.org", "a.org", 200},
		{"a.org", "z.org", http.StatusMisdirectedRequest},
		{"z.org", "a.org", http.StatusMisdirectedRequest},
		{"a.org", "unknown.org", http.StatusMisdirectedRequest},
		{"a.org", "127.0.0.1", http.StatusMisdirectedRequest},
		{"", "a.org", 200},
		{"", "z.org", http.StatusMisdirectedRequest},
	} {
		got := p.overHTTP1(t, is.serverName).do(t, is.host, "/", "Accept: application/json")
		if got.StatusCode != is.status || is.status != 200 && !strings.Contains(got.body, `"misdirected"`) {
			t.Errorf("a connection to %q asked for %q: %d %q, want %d", is.serverName, is.host, got.StatusCode, got.body, is.status)
		}
	}
	// The connection goes on.
	conn := p.overHTTP1(t, "a.org")
	for range 2 {
		if got := conn.do(t, "z.org", "/"); got.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("for another host: %d", got.StatusCode)
		}
		if got := conn.do(t, "a.org", "/"); got.StatusCode != 200 {
			t.Errorf("then for its own: %d", got.StatusCode)
		}
	}
}

// A browser sends requests for all hosts of a certificate over one connection of HTTP/2.
func TestServer_ServesTheHostsOfACertificateOverOneConnection(t *testing.T) {
	c := showing(t, Config{}, []string{"a.org", "b.org"}, []string{"z.org"})
	p := start(t, c, mount(t, "/", route.Strip, app(t, "x", nil)))
	dialed := 0
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	// The client takes the connection for one without TLS, so that it sends any host over it.
	conn := p.overTLS(t, &tls.Config{ServerName: "a.org", NextProtos: []string{"h2"}})
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) { dialed++; return conn, nil }
	t.Cleanup(transport.CloseIdleConnections)
	for host, status := range map[string]int{"a.org": 200, "b.org": 200, "z.org": http.StatusMisdirectedRequest} {
		req := requestHTTP2(t, "GET", "/", nil)
		req.URL.Scheme, req.URL.Host, req.Host = "http", "h", host
		if got := doHTTP2(t, &http.Client{Transport: transport}, req); got.StatusCode != status {
			t.Errorf("%s: %d, want %d", host, got.StatusCode, status)
		}
	}
	if dialed != 1 {
		t.Errorf("%d connections", dialed)
	}
}

func TestServer_LetsTrustedProxiesNameHosts(t *testing.T) {
	c := showing(t, Config{}, []string{"inner.org"}, []string{"z.org"})
	for trusted, want := range map[string]int{"127.0.0.1": 200, "192.0.2.1": http.StatusMisdirectedRequest} {
		c.Trusted = trusting(t, trusted)
		p := start(t, c, mount(t, "/", route.Strip, app(t, "x", nil)))
		if got := p.overHTTP1(t, "inner.org").do(t, "public.org", "/", "X-Forwarded-For: 192.0.2.7"); got.StatusCode != want {
			t.Errorf("trusting %s, by Host: %d, want %d", trusted, got.StatusCode, want)
		}
		want = 200 // An untrusted one's field is not looked at.
		if got := p.overHTTP1(t, "inner.org").do(t, "inner.org", "/", "X-Forwarded-Host: public.org"); got.StatusCode != want {
			t.Errorf("trusting %s, by X-Forwarded-Host: %d, want %d", trusted, got.StatusCode, want)
		}
		p.stop()
	}
}

// guardedBy is a route whose host is for clients with certificates of an authority.
func guardedBy(t *testing.T, key string, a *authority, targets ...route.Target) route.Route {
	t.Helper()
	r := mount(t, key, route.Strip, targets...)
	r.ClientCA = a.pem
	return r
}

func TestServer_ServesGuardedHostsToClientsWithCertificates(t *testing.T) {
	one, other := newAuthority(t), newAuthority(t)
	c := showing(t, Config{}, []string{"open.org", "one.org", "other.org", "*.wild.org"})
	p := start(t, c,
		guardedBy(t, "one.org/", one, app(t, "one", nil)), guardedBy(t, "other.org/", other, app(t, "other", nil)),
		guardedBy(t, "x.wild.org/app", one, app(t, "wild", nil)), mount(t, "/", route.Strip, app(t, "any", nil)))
	ask := func(serverName, host, path string, own *tls.Certificate) (status int) {
		t.Helper()
		client := &tls.Config{ServerName: serverName}
		if own != nil {
			client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
		}
		conn := p.overTLS(t, client)
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
		resp, err := http.ReadResponse(conn.in, nil)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	ada, eve := one.client(t), other.client(t)
	for _, is := range []struct {
		name, serverName, host, path string
		own                          *tls.Certificate
		status                       int
	}{
		{"with a certificate", "one.org", "one.org", "/", ada, 200},
		{"without", "one.org", "one.org", "/", nil, 0},
		{"with a foreign one", "one.org", "one.org", "/", eve, 0},
		{"over a connection of an open host", "open.org", "one.org", "/", nil, http.StatusMisdirectedRequest},
		{"over one of an open host, with a certificate", "open.org", "one.org", "/", ada, http.StatusMisdirectedRequest},
		{"over one of another guarded host", "other.org", "one.org", "/", eve, http.StatusMisdirectedRequest},
		{"the other way", "one.org", "open.org", "/", ada, http.StatusMisdirectedRequest},
		{"between hosts of one authority", "x.wild.org", "one.org", "/", ada, 200},
		{"a path of no host of its own", "x.wild.org", "x.wild.org", "/elsewhere", ada, 200},
		{"the same without a certificate", "y.wild.org", "x.wild.org", "/elsewhere", nil, http.StatusMisdirectedRequest},
		{"without a name", "", "one.org", "/", nil, http.StatusMisdirectedRequest},
		{"another host", "y.wild.org", "y.wild.org", "/", nil, 200},
		{"another host", "open.org", "open.org", "/", nil, 200},
	} {
		if got := ask(is.serverName, is.host, is.path, is.own); got != is.status {
			t.Errorf("%s, %s over a connection to %q: %d, want %d", is.name, is.host, is.serverName, got, is.status)
		}
	}
}

func TestServer_ServesGuardedHostsOverTLSAlone(t *testing.T) {
	one := newAuthority(t)
	plain := guardedBy(t, "one.org/plain", one, app(t, "plain", nil))
	plain.PlainHTTP = true
	c := showing(t, Config{Trusted: trusting(t, "127.0.0.2")}, []string{"one.org"})
	routes := []route.Route{
		guardedBy(t, "one.org/app", one, app(t, "one", nil)), plain, guardedBy(t, "bare.org/", one, app(t, "bare", nil)), mount(t, "/any", route.Strip, app(t, "any", nil)),
	}
	p := start(t, c, routes...)
	ask := func(host, target string, headers ...string) response {
		t.Helper()
		return p.raw(t, "GET", "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nAccept: application/json\r\n"+strings.Join(append(headers, ""), "\r\n")+"\r\n")
	}
	leadsTo(t, "with a certificate", ask("one.org", "/app/"), "https://one.org/app/")
	leadsTo(t, "a route for any host", ask("one.org", "/any/"), "https://one.org/any/")
	for _, at := range [][2]string{{"one.org", "/plain/"}, {"bare.org", "/"}, {"BARE.org.:80", "/any/"}, {"one.org", "/nothing"}} {
		if got := ask(at[0], at[1]); got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, `"client_certificate_required"`) {
			t.Errorf("%s%s: %d %q, want 403", at[0], at[1], got.StatusCode, got.body)
		}
	}
	if got := ask("open.org", "/any/"); got.StatusCode != 200 {
		t.Errorf("an open host: %d", got.StatusCode)
	}
	p.stop()

	c.Trusted, c.NoRedirect = trusting(t, "127.0.0.1"), true
	p = start(t, c, routes...)
	if got := ask("inner", "/app/", "X-Forwarded-Proto: https", "X-Forwarded-Host: one.org", "X-Forwarded-Tls-Client-Cert: MII"); got.StatusCode != http.StatusForbidden {
		t.Errorf("behind a proxy that took TLS off: %d", got.StatusCode)
	}
	// Its own certificate counts.
	ada := one.client(t)
	for status, own := range map[int][]tls.Certificate{200: {*ada}, 0: nil} {
		conn := p.overTLS(t, &tls.Config{ServerName: "one.org", Certificates: own})
		if status == 0 {
			if !conn.refused() {
				t.Error("a proxy without a certificate got a connection")
			}
		} else if got := conn.do(t, "inner", "/app/", "X-Forwarded-Host: one.org"); got.StatusCode != status {
			t.Errorf("a proxy with a certificate: %d", got.StatusCode)
		}
	}
}

// A connection that is older than the rule of its host is worth no more than a new one.
func TestServer_FollowsTheRuleOfTheTable(t *testing.T) {
	one, other := newAuthority(t), newAuthority(t)
	ada := one.client(t)
	p := start(t, showing(t, Config{}, []string{"one.org"}), mount(t, "one.org/", route.Strip, app(t, "one", nil)))
	open := p.overHTTP1(t, "one.org")
	check := func(when string, conn secured, want int) {
		t.Helper()
		if got := conn.do(t, "one.org", "/"); got.StatusCode != want {
			t.Errorf("%s: %d, want %d", when, got.StatusCode, want)
		}
	}
	check("without a rule", open, 200)
	p.SetTable(route.Build([]route.Route{guardedBy(t, "one.org/", one, app(t, "one", nil))}, nil))
	check("with one", open, http.StatusMisdirectedRequest)
	known := p.overTLS(t, &tls.Config{ServerName: "one.org", Certificates: []tls.Certificate{*ada}})
	check("with a certificate", known, 200)
	p.SetTable(route.Build([]route.Route{guardedBy(t, "one.org/", other, app(t, "one", nil))}, nil))
	check("with other authorities", known, http.StatusMisdirectedRequest)
	p.SetTable(route.Build([]route.Route{mount(t, "one.org/", route.Strip, app(t, "one", nil))}, nil))
	check("with no rule again", open, 200)
}

// A session of one host must not go on at another that wants certificates: golang/go#77217.
func TestServer_ResumesNoSessionAtAnotherHost(t *testing.T) {
	one, other := newAuthority(t), newAuthority(t)
	p := start(t, showing(t, Config{}, []string{"open.org", "one.org", "other.org"}),
		guardedBy(t, "one.org/", one, app(t, "one", nil)), guardedBy(t, "other.org/", other, app(t, "other", nil)), mount(t, "/", route.Strip, app(t, "any", nil)))
	certificates := map[string]*tls.Certificate{"open.org": nil, "one.org": one.client(t), "other.org": other.client(t)}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for from := range certificates {
			for to := range certificates {
				kept := new(oneSession)
				client := func(host string, own *tls.Certificate) *tls.Config {
					c := &tls.Config{ServerName: host, ClientSessionCache: kept, MaxVersion: version}
					if own != nil {
						c.Certificates = []tls.Certificate{*own}
					}
					return c
				}
				if got := p.overTLS(t, client(from, certificates[from])).do(t, from, "/"); got.StatusCode != 200 || kept.session == nil {
					t.Fatalf("%s: %d, a session %v", from, got.StatusCode, kept.session != nil)
				}
				// It has nothing now but the session.
				conn := p.overTLSOrNot(t, client(to, nil))
				switch {
				case to == "open.org" && from == to, to == from:
					if conn == nil || conn.do(t, to, "/").StatusCode != 200 || !conn.ConnectionState().DidResume {
						t.Errorf("%s: a session does not go on at its own host", from)
					}
				case to == "open.org":
					if conn == nil || conn.do(t, to, "/").StatusCode != 200 || conn.ConnectionState().DidResume {
						t.Errorf("a session of %s goes on at %s", from, to)
					}
				case conn != nil && !conn.refused():
					t.Errorf("a session of %s got into %s", from, to)
				}
			}
		}
	}
}

// oneSession is a cache of the last session, for all hosts.
type oneSession struct{ session *tls.ClientSessionState }

// Get implements tls.ClientSessionCache.
func (c *oneSession) Get(string) (*tls.ClientSessionState, bool) {
	return c.session, c.session != nil
}

// Put implements tls.ClientSessionCache.
func (c *oneSession) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.session = s
	}
}

// overTLSOrNot is overTLS, and nil when the server refuses the handshake.
func (p *running) overTLSOrNot(t *testing.T, client *tls.Config) *secured {
	t.Helper()
	client.InsecureSkipVerify = true
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", secureAddress(t, p), client)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &secured{conn, bufio.NewReader(conn)}
}

func TestServer_NegotiatesTheVersionsOfHTTP(t *testing.T) {
	one := newAuthority(t)
	p := start(t, showing(t, Config{}, []string{"open.org", "one.org"}), guardedBy(t, "one.org/", one, app(t, "one", nil)), mount(t, "/", route.Strip, app(t, "any", nil)))
	ada := one.client(t)
	for _, is := range []struct {
		offered []string
		// chosen is empty without ALPN; failed reports the alert no_application_protocol (RFC 7301 section 3.2).
		chosen string
		failed bool
	}{
		{nil, "", false},
		{[]string{"h2"}, "h2", false},
		{[]string{"http/1.1"}, "http/1.1", false},
		{[]string{"http/1.1", "h2"}, "h2", false},
		{[]string{"h3", "http/1.1"}, "http/1.1", false},
		{[]string{"spdy/3"}, "", true},
		{[]string{"acme-tls/1"}, "", true},
	} {
		for _, host := range []string{"open.org", "one.org"} {
			conn := p.overTLSOrNot(t, &tls.Config{ServerName: host, NextProtos: is.offered, Certificates: []tls.Certificate{*ada}})
			if (conn == nil) != is.failed || conn != nil && conn.ConnectionState().NegotiatedProtocol != is.chosen {
				t.Errorf("%s with %q: connected %v, want %q", host, is.offered, conn != nil, is.chosen)
			}
		}
	}
}

func TestServer_TellsTheManagerWhichHostsAreGuarded(t *testing.T) {
	one := newAuthority(t)
	table := route.Build([]route.Route{guardedBy(t, "one.org/", one, at("x", "")), mount(t, "open.org/", route.Strip, at("x", "")), mount(t, "/", route.Strip, at("x", ""))}, nil)
	if got, want := hostsOf(table), []certificate.Host{{Name: "one.org", ClientCA: one.pem}, {Name: "open.org"}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
