package proxy

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"gateway/proxy/admin"
	ca "gateway/proxy/certificate/authority"
	"gateway/proxy/route"
)

// ownAuthority is a new certificate authority.
func ownAuthority(t *testing.T) *ca.Authority {
	t.Helper()
	a, err := ca.Open(t.TempDir(), []string{"nas.lan"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRoot_IsServedBeforeRouting(t *testing.T) {
	a := ownAuthority(t)
	limited := mount(t, "/", route.Strip, app(t, "x", nil))
	limited.Redirect = "https://example.org/"
	p := start(t, withTLS(t, Config{Root: a.RootPEM, ServeRoot: true}), limited)
	for path, want := range map[string]struct {
		kind string
		body []byte
	}{
		"/.gateway/ca.crt":          {"application/x-x509-ca-cert", a.Root().Raw},
		"/.gateway/ca.mobileconfig": {"application/x-apple-aspen-config", ca.Profile(a.Root())},
	} {
		got := p.do(t, "GET", path)
		if got.StatusCode != 200 || got.Header.Get("Content-Type") != want.kind || got.body != string(want.body) {
			t.Errorf("%s: %d %s, %d bytes", path, got.StatusCode, got.Header.Get("Content-Type"), len(got.body))
		}
		if head := p.do(t, "HEAD", path); head.StatusCode != 200 || head.ContentLength != int64(len(want.body)) || head.body != "" {
			t.Errorf("HEAD %s: %d, %d bytes", path, head.StatusCode, head.ContentLength)
		}
		if secure := doHTTP2(t, p.http2(t, ""), requestHTTP2(t, "GET", path, nil)); secure.StatusCode != 200 || secure.body != string(want.body) {
			t.Errorf("%s over TLS: %d, %d bytes", path, secure.StatusCode, len(secure.body))
		}
	}
	korean := p.do(t, "GET", "/.gateway/", "Accept: text/html", "Accept-Language: ko")
	if korean.StatusCode != 200 || !strings.Contains(korean.body, ca.Fingerprint(a.Root())) || korean.Header.Get("Content-Language") != "ko" {
		t.Errorf("the page: %d\n%s", korean.StatusCode, korean.body)
	}
	for _, other := range []struct{ method, path string }{
		{"POST", "/.gateway/ca.crt"}, {"GET", "/.gateway"}, {"GET", "/.gateway/x"}, {"GET", "/.gateway/ca.key"}, {"GET", "/x/.gateway/ca.crt"},
	} {
		if got := p.do(t, other.method, other.path); got.StatusCode != 308 {
			t.Errorf("%s %s: %d, want the route's response", other.method, other.path, got.StatusCode)
		}
	}
}

func TestRoot_IsNotServedUnlessAskedFor(t *testing.T) {
	a := ownAuthority(t)
	for name, c := range map[string]Config{
		"off": {Root: a.RootPEM}, "without an authority": {ServeRoot: true}, "without a root yet": {ServeRoot: true, Root: func() []byte { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, c, mount(t, "/", route.Strip, app(t, "x", nil)))
			for _, path := range []string{"/.gateway/ca.crt", "/.gateway/"} {
				if got := p.do(t, "GET", path); !strings.HasPrefix(got.body, "x GET") {
					t.Errorf("%s: %d %q, want the app's response", path, got.StatusCode, got.body)
				}
			}
		})
	}
}

func TestServer_TellsOfItsAuthority(t *testing.T) {
	a := ownAuthority(t)
	s, err := New(Config{Root: a.RootPEM})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Authority()
	if err != nil || !bytes.Equal([]byte(got.PEM), a.RootPEM()) || got.Name != a.Root().Subject.CommonName || !got.Expires.Equal(a.Root().NotAfter) || got.Fingerprint != ca.Fingerprint(a.Root()) {
		t.Errorf("%+v, %v", got, err)
	}
	s, err = New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authority(); !errors.Is(err, admin.ErrNoAuthority) || !strings.Contains(err.Error(), "--internal-ca --domain nas.lan") {
		t.Errorf("without one: %v, want the fix", err)
	}
}
