package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/certificate/certificatetest"
	"gateway/proxy/route"
)

// covering is a proxy with TLS whose certificate is for those hosts.
func covering(t *testing.T, c Config, hosts ...string) Config {
	t.Helper()
	c = withTLS(t, c)
	c.Certificates.(*certificatetest.Manager).Covered = hosts
	return c
}

// leadsTo fails unless the response redirects there, for good and for all methods.
func leadsTo(t *testing.T, what string, got response, want string) {
	t.Helper()
	location := got.Header.Get("Location")
	if got.StatusCode != http.StatusPermanentRedirect || location != want || got.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%s: %d to %q, want 308 to %q", what, got.StatusCode, location, want)
	}
	if got.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("%s: the redirect has Strict-Transport-Security", what)
	}
}

func TestHTTPS_RedirectsWithPathAndQuery(t *testing.T) {
	p := start(t, covering(t, Config{HSTS: "max-age=1"}, "example.org", "::1"), mount(t, "/app", route.Strip, app(t, "x", nil)))
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		for _, target := range []string{"/app", "/app/", "/app/a%2Fb%20c?x=%20&y=1&&", "/app//evil.example/", "/app/?"} {
			leadsTo(t, method+" "+target, p.do(t, method, target), "https://example.org"+target)
		}
	}
	leadsTo(t, "a body", p.do(t, "POST", "/app/", "Content-Length: 5", "Expect: 100-continue"), "https://example.org/app/")
	leadsTo(t, "a WebSocket", p.raw(t, "GET", "GET /app/ws HTTP/1.1\r\nHost: example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"), "https://example.org/app/ws")
	leadsTo(t, "a port", p.raw(t, "GET", "GET /app/ HTTP/1.1\r\nHost: EXAMPLE.org:8080\r\n\r\n"), "https://example.org/app/")
	leadsTo(t, "an address", p.raw(t, "GET", "GET /app/ HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), "https://[::1]/app/")
	leadsTo(t, "an absolute target", p.raw(t, "GET", "GET http://example.org/app/?x HTTP/1.1\r\nHost: example.org\r\n\r\n"), "https://example.org/app/?x")
	if got := p.do(t, "GET", "/nothing"); got.StatusCode != http.StatusNotFound {
		t.Errorf("without a route: %d", got.StatusCode)
	}
	if got := p.raw(t, "GET", "GET /app/ HTTP/1.1\r\nHost: other.org\r\n\r\n"); got.StatusCode != 200 {
		t.Errorf("without a certificate: %d", got.StatusCode)
	}
}

func TestHTTPS_RedirectsBeforeOtherFilters(t *testing.T) {
	x := app(t, "x", nil)
	limited := mount(t, "/limited", route.Strip, x)
	limited.Rate = route.Rate{Requests: 1, Per: time.Hour, Burst: 1}
	moved := mount(t, "/moved", route.Strip, x)
	moved.Redirect = "https://example.net/"
	stopped := mount(t, "/stopped", route.Strip, route.Target{ID: "s", Name: "s", State: route.Stopped})
	p := start(t, covering(t, Config{HTTPSPort: 8443}, "example.org"), limited, moved, stopped, mount(t, "/paused", route.Strip, x))
	pauseRoute(t, p.Server, "/paused", admin.Pause{Wait: patience.Milliseconds()})
	for _, path := range []string{"/limited/", "/moved/", "/stopped/", "/paused/"} {
		for range 3 {
			leadsTo(t, path, p.do(t, "GET", path), "https://example.org:8443"+path)
		}
	}
}

func TestHTTPS_LeavesPlainHTTPWhereItIsWanted(t *testing.T) {
	open := mount(t, "/open", route.Strip, app(t, "x", nil))
	open.PlainHTTP = true
	both := []route.Route{open, mount(t, "/app", route.Strip, app(t, "x", nil))}
	check := func(what string, got response) {
		t.Helper()
		if got.StatusCode != 200 || !strings.HasPrefix(got.body, "x ") {
			t.Errorf("%s: %d %q to %q, want the app's response", what, got.StatusCode, got.body, got.Header.Get("Location"))
		}
	}
	p := start(t, covering(t, Config{}, "example.org"), both...)
	check("the route says so", p.do(t, "GET", "/open/"))
	leadsTo(t, "the other route", p.do(t, "GET", "/app/"), "https://example.org/app/")
	check("an authority's token", p.raw(t, "GET", "GET /open"+challengePath+" HTTP/1.1\r\nHost: example.org\r\n\r\n"))
	check("nobody redirects", start(t, covering(t, Config{NoRedirect: true}, "example.org"), both...).do(t, "GET", "/app/"))

	closed := covering(t, Config{}, "example.org")
	closed.TLSListen = nil
	check("nothing listens with TLS", start(t, closed, both...).do(t, "GET", "/app/"))
	check("there are no certificates", start(t, Config{}, both...).do(t, "GET", "/app/"))
	if got := p.overHTTP1(t, "").do(t, "example.org", "/app/"); got.StatusCode != 200 {
		t.Errorf("over TLS: %d", got.StatusCode)
	}
	if got := doHTTP2(t, p.http2(t, ""), requestHTTP2(t, "GET", "/app/", nil)); got.StatusCode != 200 {
		t.Errorf("over TLS and HTTP/2: %d", got.StatusCode)
	}
}

func TestHTTPS_LeavesTokensToAuthoritiesAndApps(t *testing.T) {
	c := covering(t, Config{}, "example.org")
	c.Certificates.(*certificatetest.Manager).Expect("example.org", "To_ken-1", "To_ken-1.thumbprint")
	p := start(t, c, mount(t, "/", route.Strip, app(t, "x", nil)))
	isAuthorization(t, p.do(t, "GET", challengePath))
	if got := p.do(t, "GET", "/.well-known/acme-challenge/of-the-app"); got.body != "x GET /.well-known/acme-challenge/of-the-app" {
		t.Errorf("the token of an app: %d %q", got.StatusCode, got.body)
	}
	for _, path := range []string{"/.well-known/acme-challenge/", "/.well-known/acme-challenge/a/b", "/.well-known/acme-challenge/a.b", "/.well-known/security.txt"} {
		leadsTo(t, path, p.do(t, "GET", path), "https://example.org"+path)
	}
	leadsTo(t, "POST", p.do(t, "POST", challengePath), "https://example.org"+challengePath)
}

func TestHTTPS_BelievesTrustedProxiesAboutTheScheme(t *testing.T) {
	routes := mount(t, "/", route.Strip, app(t, "x", nil))
	for name, c := range map[string]struct {
		headers []string
		// want is the location, empty for the app's response.
		want string
	}{
		"https":          {[]string{"X-Forwarded-Proto: https"}, ""},
		"http":           {[]string{"X-Forwarded-Proto: http"}, "https://example.org/a?b"},
		"no scheme":      {nil, ""},
		"another host":   {[]string{"X-Forwarded-Proto: http", "X-Forwarded-Host: public.example"}, "https://public.example/a?b"},
		"unknown scheme": {[]string{"X-Forwarded-Proto: gopher"}, ""},
	} {
		p := start(t, covering(t, Config{Trusted: trusting(t, "127.0.0.1"), HTTPSPort: 8443}, "example.org", "public.example"), routes)
		got := p.do(t, "GET", "/a?b", append(c.headers, "X-Forwarded-For: 192.0.2.1")...)
		if c.want != "" {
			leadsTo(t, name, got, c.want)
		} else if got.StatusCode != 200 {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
		p.stop()
	}
	// Others are not believed.
	p := start(t, covering(t, Config{}, "example.org"), routes)
	leadsTo(t, "a stranger", p.do(t, "GET", "/a?b", "X-Forwarded-Proto: https"), "https://example.org/a?b")
}

func TestHSTS_IsOneFieldOfResponsesOverTLS(t *testing.T) {
	const value = "max-age=31536000; includeSubDomains"
	own := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Strict-Transport-Security", "max-age=1")
		w.Header().Add("Strict-Transport-Security", "max-age=2")
	}
	labelled := mount(t, "/labelled", route.Strip, app(t, "x", nil))
	labelled.ResponseHeaders = []route.HeaderEdit{{Name: "Strict-Transport-Security", Value: "max-age=3", Add: true}}
	keeps := mount(t, "/keeps", route.Strip, app(t, "x", own))
	keeps.KeepOrigin = true
	c := covering(t, Config{HSTS: value, Trusted: trusting(t, "127.0.0.2")})
	c.Certificates.(*certificatetest.Manager).Own = []string{"nas.lan"}
	rooted := mount(t, "nas.lan/", route.Strip, app(t, "x", own))
	p := start(t, c, mount(t, "/app", route.Strip, app(t, "x", own)), labelled, keeps, rooted,
		mount(t, "/stopped", route.Strip, route.Target{ID: "s", Name: "s", State: route.Stopped}))
	for _, path := range []string{"/app/", "/app", "/labelled/", "/keeps/", "/stopped/", "/nothing", "/app/../.."} {
		got := p.overHTTP1(t, "").do(t, "example.org", path)
		if fields := got.Header.Values("Strict-Transport-Security"); len(fields) != 1 || fields[0] != value {
			t.Errorf("%s, %d: %q", path, got.StatusCode, fields)
		}
	}
	if got := doHTTP2(t, p.http2(t, ""), requestHTTP2(t, "GET", "/app/", nil)); len(got.Header.Values("Strict-Transport-Security")) != 1 || got.Header.Get("Strict-Transport-Security") != value {
		t.Errorf("over HTTP/2: %q", got.Header.Values("Strict-Transport-Security"))
	}
	if got := p.overHTTP1(t, "").do(t, "nas.lan", "/"); len(got.Header.Values("Strict-Transport-Security")) != 2 {
		t.Errorf("with a certificate of the own authority: %q, want what the app sends", got.Header.Values("Strict-Transport-Security"))
	}
	for _, path := range []string{"/stopped/", "/labelled/", "/nothing"} {
		if got := p.do(t, "GET", path).Header.Get("Strict-Transport-Security"); got == value {
			t.Errorf("%s without TLS: %q", path, got)
		}
	}
}

func TestHSTS_CountsTheConnectionOfTheClient(t *testing.T) {
	c := Config{HSTS: "max-age=1", Trusted: trusting(t, "127.0.0.1")}
	p := start(t, c, mount(t, "/", route.Strip, app(t, "x", nil)))
	for proto, want := range map[string]string{"https": "max-age=1", "http": ""} {
		if got := p.do(t, "GET", "/", "X-Forwarded-Proto: "+proto).Header.Get("Strict-Transport-Security"); got != want {
			t.Errorf("a client that uses %s gets %q, want %q", proto, got, want)
		}
	}
}
