package proxy

import (
	"strings"
	"testing"

	"gateway/proxy/route"
)

// of sets the project of a route.
func of(project string, r route.Route) route.Route {
	r.Project = project
	return r
}

func TestTombstone_OfAMovedRootProjectLinksToIt(t *testing.T) {
	folder := t.TempDir()
	target := app(t, "wordpress", nil)
	p := start(t, Config{StateDir: folder, Hold: -1}, of("blog", mount(t, "/", route.Strip, target)))
	p.SetTable(route.Build(nil, nil))
	moved := route.Build([]route.Route{of("blog", mount(t, "/site", route.Strip, target))}, nil)
	p.SetTable(moved)
	restarted := start(t, Config{StateDir: folder, Hold: -1})
	for name, p := range map[string]*running{"at once": p, "after a restart": restarted} {
		if got := p.do(t, "GET", "/"); got.StatusCode != 404 || !strings.Contains(got.body, "blog has moved\nIt is at /site/ now.") {
			t.Errorf("%s: /: %d %q", name, got.StatusCode, got.body)
		}
		for _, path := range []string{"/unknown", "/x/y", "/favicon.ico", "//"} {
			if got := p.do(t, "GET", path); got.StatusCode != 404 || !strings.Contains(got.body, "There is no project here") {
				t.Errorf("%s: %s: %d %q", name, path, got.StatusCode, got.body)
			}
		}
		if got := p.do(t, "GET", "/site/x"); got.body != "wordpress GET /x" {
			t.Errorf("%s: %d %q", name, got.StatusCode, got.body)
		}
	}
	// Moved back, it is where it was.
	p.SetTable(route.Build([]route.Route{of("blog", mount(t, "/", route.Strip, target))}, nil))
	if got := p.do(t, "GET", "/"); got.body != "wordpress GET /" {
		t.Errorf("moved back: %d %q", got.StatusCode, got.body)
	}
}

func TestTombstone_OfARemovedRootProjectIsAtTheRootAlone(t *testing.T) {
	other := mount(t, "/other", route.Strip, app(t, "other", nil))
	p := start(t, Config{Hold: -1}, of("blog", mount(t, "/", route.Strip, app(t, "wordpress", nil))), other)
	p.SetTable(route.Build([]route.Route{other}, nil))
	if got := p.do(t, "GET", "/"); !strings.Contains(got.body, "blog was removed") {
		t.Errorf("/: %d %q", got.StatusCode, got.body)
	}
	if got := p.do(t, "GET", "/unknown"); got.StatusCode != 404 || !strings.Contains(got.body, "There is no project here") {
		t.Errorf("/unknown: %d %q", got.StatusCode, got.body)
	}
}

func TestTombstone_OfAProjectThatMovedBelowLinksToIt(t *testing.T) {
	target := app(t, "site", nil)
	p := start(t, Config{Hold: -1}, of("robots", mount(t, "/robots", route.Strip, target)))
	p.SetTable(route.Build([]route.Route{of("robots", mount(t, "/club/robots", route.Strip, target))}, nil))
	if got := p.do(t, "GET", "/robots/x"); got.StatusCode != 404 || !strings.Contains(got.body, "It is at /club/robots/ now.") {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
	// A project that is at another host only is not named.
	p.SetTable(route.Build([]route.Route{of("robots", mount(t, "robots.org/", route.Strip, target))}, nil))
	if got := p.do(t, "GET", "/robots/x"); got.StatusCode != 404 || !strings.Contains(got.body, "There is no project here") {
		t.Errorf("at another host: %d %q", got.StatusCode, got.body)
	}
}
