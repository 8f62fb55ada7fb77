package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gateway/proxy/route"
)

// headed is a route that edits the header of its responses.
func headed(t *testing.T, path string, target route.Target, edits ...route.HeaderEdit) route.Route {
	t.Helper()
	r := mount(t, path, route.Strip, target)
	r.ResponseHeaders = edits
	return r
}

func TestResponseHeaders_SetAddAndRemove(t *testing.T) {
	policy := "default-src 'self'; " + strings.Repeat("x", 4000)
	edits := []route.HeaderEdit{
		{Name: "Content-Security-Policy", Value: policy},
		{Name: "Server"},
		{Name: "X-None"},
		{Name: "X-Robots-Tag", Value: "noindex", Add: true},
		{Name: "Cache-Control", Value: "no-cache"},
	}
	handle := func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"content-security-policy", "Server", "X-Robots-Tag"} {
			w.Header()[name] = []string{"of the app", "twice"}
		}
		if r.URL.Path == "/same" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, "body")
	}
	p := start(t, withTLS(t, Config{}), headed(t, "/", app(t, "app", handle), edits...), mount(t, "/plain", route.Strip, app(t, "plain", handle)))
	client := p.http2(t, "")
	for _, path := range []string{"/x", "/same"} {
		for i, got := range []response{p.do(t, "GET", path), doHTTP2(t, client, requestHTTP2(t, "GET", path, nil))} {
			h := got.Header
			if !slices.Equal(h["Content-Security-Policy"], []string{policy}) || h.Get("Server") != "" || h.Get("Cache-Control") != "no-cache" ||
				!slices.Equal(h["X-Robots-Tag"], []string{"of the app", "twice", "noindex"}) || h.Get("X-Request-Id") == "" {
				t.Errorf("HTTP/%d %s: %q", i+1, path, h)
			}
		}
	}
	if h := p.do(t, "GET", "/plain/x").Header; h.Get("Server") != "of the app" || len(h["X-Robots-Tag"]) != 2 {
		t.Errorf("another route: %q", h)
	}
}

// The gateway's own pages and redirects get the fields too, unless they set them already.
func TestResponseHeaders_OnOwnPages(t *testing.T) {
	edits := []route.HeaderEdit{{Name: "Cache-Control"}, {Name: "Content-Security-Policy", Value: "default-src 'none'"}, {Name: "X-Robots-Tag", Value: "noindex"}}
	p := start(t, Config{}, headed(t, "/dead", at("dead", deadAddress(t)), edits...))
	without := start(t, Config{}, mount(t, "/dead", route.Strip, at("dead", deadAddress(t))))
	got, plain := p.do(t, "GET", "/dead/x", "Accept: text/html"), without.do(t, "GET", "/dead/x", "Accept: text/html")
	if got.StatusCode != http.StatusBadGateway || got.Header.Get("X-Robots-Tag") != "noindex" {
		t.Errorf("%s %q", got.Status, got.Header)
	}
	for _, name := range []string{"Content-Security-Policy", "Cache-Control"} {
		if !slices.Equal(got.Header[name], plain.Header[name]) {
			t.Errorf("%s is %q, want that of the page: %q", name, got.Header[name], plain.Header[name])
		}
	}
	if got := p.do(t, "GET", "/dead"); got.StatusCode != http.StatusPermanentRedirect || got.Header.Get("X-Robots-Tag") != "noindex" {
		t.Errorf("%s %q", got.Status, got.Header)
	}
	if got := p.do(t, "GET", "/elsewhere"); got.Header.Get("X-Robots-Tag") != "" {
		t.Errorf("no route: %q", got.Header)
	}
}

// Hints are not final responses.
func TestResponseHeaders_LeaveHintsAlone(t *testing.T) {
	p := start(t, Config{}, headed(t, "/", app(t, "app", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusNoContent)
	}), route.HeaderEdit{Name: "Link"}, route.HeaderEdit{Name: "X-Robots-Tag", Value: "noindex"}))
	conn := p.dial(t)
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
	r := bufio.NewReader(conn)
	for _, want := range []struct {
		status      int
		link, robot string
	}{{http.StatusEarlyHints, "</style.css>; rel=preload", ""}, {http.StatusNoContent, "", "noindex"}} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want.status || resp.Header.Get("Link") != want.link || resp.Header.Get("X-Robots-Tag") != want.robot {
			t.Errorf("%s %q", resp.Status, resp.Header)
		}
	}
}
