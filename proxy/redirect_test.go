package proxy

import (
	"net/http"
	"testing"

	"gateway/proxy/route"
)

func TestRedirect_KeepsPathAndQuery(t *testing.T) {
	leads := func(from, to string) route.Route {
		r := mount(t, from, route.Strip, route.Target{ID: "stopped", Name: "stopped", State: route.Stopped})
		r.Redirect = to
		return r
	}
	p := start(t, Config{}, mount(t, "/notes", route.Strip, app(t, "x", nil)),
		leads("/blog", "/notes"), leads("/out", "https://example.net/a/"), leads("/home", "/"), leads("/lost", "/lost/nowhere"))
	for target, want := range map[string]string{
		"/blog":                "/notes",
		"/blog/":               "/notes/",
		"/blog/a%2Fb?x=%20&y":  "/notes/a%2Fb?x=%20&y",
		"/blog?x":              "/notes?x",
		"/out/p":               "https://example.net/a/p",
		"/out":                 "https://example.net/a/",
		"/home":                "/",
		"/home/x":              "/x",
		"/home//example.net/x": "/example.net/x",
	} {
		for _, method := range []string{"GET", "POST"} {
			resp := p.do(t, method, target)
			if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusPermanentRedirect || got != want {
				t.Errorf("%s %s: %d to %q, want 308 to %q", method, target, resp.StatusCode, got, want)
			}
		}
	}
	if resp := p.do(t, "GET", "/lost/x"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a redirect to itself: %d", resp.StatusCode)
	}
}

func TestRedirect_ProbesNoTarget(t *testing.T) {
	r := mount(t, "/blog", route.Strip, at("deaf", "127.0.0.1:1"))
	r.Redirect, r.Check = "/notes", route.Check{Path: "/health"}
	p := start(t, Config{}, r)
	if got := p.onlyRoute(t); got.State != "ready" || len(got.Targets) != 1 || got.Targets[0].State != "ready" || got.Targets[0].Health != "" {
		t.Errorf("it is %+v", got)
	}
}
