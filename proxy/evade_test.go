package proxy

import (
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/route"
)

// spellings are paths that many apps serve as /admin/x although they do not have the prefix /admin.
var spellings = []string{
	"//admin/x", "/./admin/x", "/x/../admin/x", "/%2e/admin/x", "/x/%2e%2e/admin/x", "/%252e/admin/x",
	"/admin%2fx", "/admin%252fx", "/%2fadmin/x", `/admin\x`, "/admin%5cx", `/\admin/x`, "/;/admin/x", "/admin;a=b/x",
	"/admin%3bx", "/x/..;a/admin/x", "/%2561dmin/x", "/admin%00/x", "/admin./x", "/admin%20/x", "/admin%09", "/admin%3fx",
	"/admin%c0%afx", "/%c1%a1dmin/x", "//x/admin/x", "http://example.org//admin/x",
}

// innocent are paths that look similar, but belong to the same route however an app reads them.
var innocent = []string{
	"//", "//x//", "/x//y", "/x/./y/../z", "/proxy/https://example.org/x", "/blog/a%2Fb", "/blog/x;v=1", "/blog/C%2B%2B/..",
	`/blog/a\b`, "/a%00b", "/x;jsessionid=1/y", "/Admin%2fx", "/administrator//x", "/%EB%A1%9C%EB%B4%87/",
}

func TestProxy_RefusesSpellingsThatEvadeARoute(t *testing.T) {
	target := app(t, "app", nil)
	for name, guard := range map[string]func(*running, *route.Route){
		"a rate": func(_ *running, r *route.Route) { r.Rate = route.Rate{Requests: 1, Per: time.Hour, Burst: 100} },
		"a body": func(_ *running, r *route.Route) { r.BodyMax = 10 },
		"a pause": func(p *running, r *route.Route) {
			if _, err := p.Pause(r.Key.String(), admin.Pause{}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			// One service may serve both routes.
			others := []route.Route{
				mount(t, "/", route.Preserve, target), mount(t, "/blog", route.Strip, target), mount(t, "/proxy", route.Strip, target),
			}
			guarded := mount(t, "/admin", route.Preserve, target)
			p := start(t, Config{}, append(others, guarded)...)
			for _, path := range spellings {
				if got := p.do(t, "GET", path); got.StatusCode != 200 {
					t.Errorf("%s without limits: %d %q", path, got.StatusCode, got.body)
				}
			}
			guard(p, &guarded)
			p.SetTable(route.Build(append(others, guarded), nil))
			for _, path := range spellings {
				got := p.do(t, "GET", path, "Accept: application/json")
				if got.StatusCode != 400 || !strings.Contains(got.body, `"ambiguous_path"`) {
					t.Errorf("%s: %d %q, want 400", path, got.StatusCode, got.body)
				}
			}
			for _, path := range innocent {
				if got := p.do(t, "GET", path); got.StatusCode != 200 {
					t.Errorf("%s: %d %q, want 200", path, got.StatusCode, got.body)
				}
			}
			// The path is forwarded as it was sent.
			if got := p.do(t, "GET", "/x//%2e;y%2F"); got.body != "app GET /x//%2e;y%2F" {
				t.Errorf("forwarded as %q", got.body)
			}
		})
	}
}

func TestProxy_RefusesSpellingsThatEvadeTheHostsRoute(t *testing.T) {
	target := app(t, "app", nil)
	guarded := mount(t, "example.org/admin", route.Strip, target)
	guarded.Rate = route.Rate{Requests: 1, Per: time.Hour, Burst: 100}
	p := start(t, Config{}, mount(t, "/", route.Strip, target), guarded)
	if got := p.do(t, "GET", "//admin/x"); got.StatusCode != 400 {
		t.Errorf("%d, want 400", got.StatusCode)
	}
	if got := p.raw(t, "GET", "GET //admin/x HTTP/1.1\r\nHost: other.org\r\nConnection: close\r\n\r\n"); got.StatusCode != 200 {
		t.Errorf("at another host: %d, want 200", got.StatusCode)
	}
}

func TestProxy_AllowsSpellingsOfALessStrictRoute(t *testing.T) {
	target := app(t, "app", nil)
	strict, open := mount(t, "/", route.Strip, target), mount(t, "/open", route.Strip, target)
	strict.Rate, strict.BodyMax = route.Rate{Requests: 1, Per: time.Hour, Burst: 100}, 10
	open.BodyMax, open.Drain, open.Balance = 20, time.Hour, route.RoundRobin
	p := start(t, Config{BodyMax: 100}, strict, open)
	if got := p.do(t, "GET", "/open%2fx"); got.StatusCode != 200 {
		t.Errorf("%d, want 200", got.StatusCode)
	}
	// A route without a limit has the gateway's default, which here is stricter than that of the other route.
	strict.BodyMax, open.BodyMax = 1000, 0
	p.SetTable(route.Build([]route.Route{strict, open}, nil))
	if got := p.do(t, "GET", "/open%2fx"); got.StatusCode != 400 {
		t.Errorf("with a stricter default: %d, want 400", got.StatusCode)
	}
}

func TestProxy_RefusesSpellingsOfARouteThatWasJustRemoved(t *testing.T) {
	target := app(t, "app", nil)
	root := mount(t, "/", route.Strip, target)
	p := start(t, Config{}, root, mount(t, "/admin", route.Strip, target))
	p.SetTable(route.Build([]route.Route{root}, nil))
	for _, path := range spellings {
		if got := p.do(t, "GET", path); got.StatusCode != 400 {
			t.Errorf("%s: %d %q, want 400", path, got.StatusCode, got.body)
		}
	}
	for _, path := range innocent {
		if got := p.do(t, "GET", path); got.StatusCode != 200 {
			t.Errorf("%s: %d %q, want 200", path, got.StatusCode, got.body)
		}
	}
}
