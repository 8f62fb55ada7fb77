package cli

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"gateway/cmd/cli/clitest"
	"gateway/proxy/admin"
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
	env := &Env{Getenv: func(string) string { return "" }}
	s := stack.Default()
	s.HTTP, s.Bind, s.Hosts = 8080, netip.MustParseAddr("192.0.2.7"), []string{"example.org"}
	if at, err := env.published(s); err != nil || at.URL(clitest.Key(t, "/x")) != "http://example.org:8080/x/" || at.dial != "192.0.2.7:8080" {
		t.Errorf("published: %+v %v", at, err)
	}
}

func TestAddress_IsSecureWhereACertificateIs(t *testing.T) {
	env := &Env{Getenv: func(string) string { return "" }}
	s := stack.Default()
	s.HTTPS, s.Domains = 443, []string{"*.club.org", "club.org"}
	at, err := env.published(s)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	certificate := func(name string, days int) admin.Certificate {
		return admin.Certificate{Name: name, NotBefore: now.AddDate(0, 0, -30), Expires: now.AddDate(0, 0, days)}
	}
	at.secure.valid = validAt([]admin.Certificate{
		certificate("club.org", 60), certificate("*.club.org", 60), certificate("late.org", -1), {Name: "waits.org"},
	}, now)
	for key, want := range map[string]string{
		"/x": "https://club.org/x/", "club.org/": "https://club.org/", "a.club.org/x": "https://a.club.org/x/",
		"a.b.club.org/": "http://a.b.club.org/", "late.org/": "http://late.org/", "waits.org/": "http://waits.org/",
	} {
		if got := at.URL(clitest.Key(t, key)); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	s.HTTP, s.HTTPS = 8080, 8443
	other, err := env.published(s)
	if err != nil {
		t.Fatal(err)
	}
	other.secure.valid = at.secure.valid
	if got := other.URL(clitest.Key(t, "/")); got != "https://club.org:8443/" || other.secure.dial[strings.LastIndex(other.secure.dial, ":"):] != ":8443" {
		t.Errorf("on another port: %s by %s", got, other.secure.dial)
	}
	foreground := listening([]string{"http://[::]:80", "https://0.0.0.0:8443", "https+udp://0.0.0.0:8443"})
	foreground.secure.valid = []admin.Certificate{{Name: "localhost"}}
	if got := foreground.URL(clitest.Key(t, "/x")); got != "https://localhost:8443/x/" {
		t.Errorf("in the foreground: %s", got)
	}
}

func TestProbe_TrustsTheProxyWhereNobodyListens(t *testing.T) {
	status := http.StatusOK
	var host string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		w.WriteHeader(status)
	}))
	at := Address{Base: &url.URL{Scheme: "http", Host: "example.org"}, dial: server.Listener.Addr().String()}
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

// A proxy of an earlier version serves HTTPS, and knows nothing of certificates.
func TestAddress_IsPlainForAProxyWithoutCertificates(t *testing.T) {
	status, body := http.StatusNotFound, `{"error":"the admin API has no /v1/certificates"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	gateway := admin.NewClient(func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
	})
	defer gateway.Close()
	listeners := []string{"http://127.0.0.1:80", "https://127.0.0.1:443"}
	at, err := listening(listeners).secured(t.Context(), gateway)
	if err != nil || at.URL(clitest.Key(t, "/x")) != "http://127.0.0.1/x/" {
		t.Errorf("%+v, %v", at, err)
	}
	status, body = http.StatusInternalServerError, `{"error":"broken"}`
	if _, err := listening(listeners).secured(t.Context(), gateway); err == nil {
		t.Error("another error is none")
	}
}
