package cli

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"gateway/cmd/cli/clitest"
	"gateway/proxy/stack"
)

func TestAddress_IsWhatPeopleType(t *testing.T) {
	for _, c := range []struct{ base, Key, want string }{
		{"http://localhost", "/robots", "http://localhost/robots/"},
		{"http://localhost:8080", "/", "http://localhost:8080/"},
		{"http://localhost:8080", "shop.example.org/", "http://shop.example.org:8080/"},
		{"http://localhost", "shop.example.org/a", "http://shop.example.org/a/"},
	} {
		base, err := url.Parse(c.base)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Address{Base: base}).URL(clitest.Key(t, c.Key)); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.base, c.Key, got, c.want)
		}
	}
	for listener, want := range map[string]string{
		"http://[::]:80": "http://localhost/x/", "http://0.0.0.0:8080": "http://localhost:8080/x/",
		"http://127.0.0.1:8080": "http://127.0.0.1:8080/x/", "http://[::1]:80": "http://[::1]/x/",
	} {
		if got := listening([]string{"unix:///run/x.sock", "http://127.0.0.1:9000/ping", listener}).URL(clitest.Key(t, "/x")); got != want {
			t.Errorf("%s: %s, want %s", listener, got, want)
		}
	}
	session := &Session{Env: &Env{Getenv: func(string) string { return "" }}}
	s := stack.Default()
	s.HTTP, s.Bind, s.Hosts = 8080, netip.MustParseAddr("192.0.2.7"), []string{"example.org"}
	if at, err := session.published(s); err != nil || at.URL(clitest.Key(t, "/x")) != "http://example.org:8080/x/" || at.dial != "192.0.2.7:8080" {
		t.Errorf("published: %+v %v", at, err)
	}
}

func TestProbe_TrustsTheProxyWhereNobodyListens(t *testing.T) {
	status := http.StatusOK
	var host string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		w.WriteHeader(status)
	}))
	at := Address{&url.URL{Scheme: "http", Host: "example.org"}, server.Listener.Addr().String()}
	for _, status = range []int{200, 302, 401, 404} {
		if err := at.Probe(t.Context(), clitest.Key(t, "/x")); err != nil || host != "example.org" {
			t.Errorf("%d for %s: %v", status, host, err)
		}
	}
	for _, status = range []int{502, 503, 504} {
		if err := at.Probe(t.Context(), clitest.Key(t, "/x")); err == nil {
			t.Errorf("%d counts as an answer", status)
		}
	}
	server.Close()
	if err := at.Probe(t.Context(), clitest.Key(t, "/x")); err != nil {
		t.Errorf("nobody listens: %v", err)
	}
}
