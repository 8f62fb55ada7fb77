package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gateway/proxy/live"
	"gateway/proxy/route"
)

func TestProxy_RoutesByHostAndPrefix(t *testing.T) {
	p := start(t, Config{},
		mount(t, "/", route.Strip, app(t, "root", nil)),
		mount(t, "/robots", route.Strip, app(t, "robots", nil)),
		mount(t, "/robots/arm", route.Preserve, app(t, "arm", nil)),
		mount(t, "club.org/robots", route.Strip, app(t, "club", nil)),
	)
	for _, test := range []struct{ target, host, want string }{
		{"/", "", "root GET /"},
		{"/x?y", "", "root GET /x?y"},
		{"/robots/", "", "robots GET /"},
		{"/robots/a/b?c=/d", "", "robots GET /a/b?c=/d"},
		{"/robotsarmy", "", "root GET /robotsarmy"},
		{"/robots%2Fx", "", "root GET /robots%2Fx"},
		{"/%72obots/x", "", "robots GET /x"},
		{"/robots/arm/", "", "arm GET /robots/arm/"},
		{"/robots/arm/x", "", "arm GET /robots/arm/x"},
		{"/robots/army", "", "robots GET /army"},
		{"/robots/x", "CLUB.org.:8080", "club GET /x"},
		{"/x", "club.org", "root GET /x"},
		{"http://club.org/robots/x?y", "", "club GET /x?y"},
		{"http://club.org", "", "root GET /"},
	} {
		host := test.host
		if host == "" {
			host = "example.org"
		}
		got := p.raw(t, "GET", "GET "+test.target+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if got.body != test.want || got.StatusCode != 200 {
			t.Errorf("%s at %s: %d %q, want %q", test.target, host, got.StatusCode, got.body, test.want)
		}
		if len(got.Header["X-Request-Id"]) != 1 || len(got.Header.Get("X-Request-Id")) != 32 {
			t.Errorf("%s: X-Request-Id %q", test.target, got.Header["X-Request-Id"])
		}
	}
}

func TestProxy_RefusesPathsThatLeave(t *testing.T) {
	p := start(t, Config{},
		mount(t, "/", route.Strip, app(t, "root", nil)),
		mount(t, "/robots", route.Strip, app(t, "robots", nil)),
		mount(t, "/wiki", route.Preserve, app(t, "wiki", nil)),
	)
	for _, target := range []string{
		"/robots/..", "/robots/../wiki/x", "/robots/%2e%2e/x", "/robots/..%2fx", "/robots/%252e%252e/x",
		"/robots/a/../../x", "/robots/..;/x", "/robots/..\\x", "/wiki/../robots/", "/wiki/%2E%2E/", "/../x", "/x/../../y",
	} {
		if got := p.do(t, "GET", target); got.StatusCode != 400 {
			t.Errorf("%s: %d %q, want 400", target, got.StatusCode, got.body)
		}
	}
	for _, target := range []string{"/robots/a/../b", "/robots/...", "/robots/.x", "/robots/./x"} {
		if got := p.do(t, "GET", target); got.StatusCode != 200 {
			t.Errorf("%s: %d, want 200", target, got.StatusCode)
		}
	}
}

func TestProxy_RedirectsToTheSlash(t *testing.T) {
	p := start(t, Config{},
		mount(t, "/robots", route.Strip, app(t, "robots", nil)),
		mount(t, "/wiki", route.Preserve, app(t, "wiki", nil)),
		mount(t, "/a%20b", route.Strip, app(t, "blank", nil)),
	)
	for _, test := range []struct{ method, target, want string }{
		{"GET", "/robots", "/robots/"},
		{"HEAD", "/robots", "/robots/"},
		{"GET", "/robots?", "/robots/?"},
		{"GET", "/robots?a=%zz;b&&c=/d?e", "/robots/?a=%zz;b&&c=/d?e"},
		{"GET", "http://example.org/robots?x", "/robots/?x"},
		{"GET", "/%72obots", "/robots/"},
		{"GET", "/a%20b", "/a%20b/"},
		{"GET", "/wiki", "/wiki/"},
	} {
		got := p.do(t, test.method, test.target)
		if got.StatusCode != 308 || got.Header.Get("Location") != test.want || got.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s %s: %d to %q, want 308 to %q", test.method, test.target, got.StatusCode, got.Header.Get("Location"), test.want)
		}
	}
	if got := p.do(t, "POST", "/robots", "Content-Length: 0"); got.body != "robots POST /" {
		t.Errorf("POST passes as to the slash: %d %q", got.StatusCode, got.body)
	}
	if got := p.do(t, "POST", "/wiki", "Content-Length: 0"); got.body != "wiki POST /wiki" {
		t.Errorf("POST passes as it came where the app knows its prefix: %q", got.body)
	}
}

func TestProxy_StopsRedirectingWhereTheAppRedirectsBack(t *testing.T) {
	for _, location := range []string{"/wiki", "../wiki", "http://example.org/wiki?x", "//example.org/%77iki"} {
		slashless := app(t, "wiki", func(w http.ResponseWriter, r *http.Request) {
			if r.RequestURI == "/wiki/" {
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusMovedPermanently)
				return
			}
			fmt.Fprint(w, "wiki ", r.RequestURI)
		})
		p := start(t, Config{}, mount(t, "/wiki", route.Preserve, slashless))
		if got := p.do(t, "GET", "/wiki"); got.StatusCode != 308 {
			t.Fatalf("first: %d", got.StatusCode)
		}
		if got := p.do(t, "GET", "/wiki/"); got.StatusCode != 301 {
			t.Fatalf("then: %d", got.StatusCode)
		}
		if got := p.do(t, "GET", "/wiki"); got.body != "wiki /wiki" {
			t.Errorf("%s: after the app redirected back: %d %q, want the app", location, got.StatusCode, got.body)
		}
		// It stays known when another route changes.
		p.SetTable(route.Build([]route.Route{
			mount(t, "/wiki", route.Preserve, slashless), mount(t, "/new", route.Strip, slashless),
		}, nil))
		if got := p.do(t, "GET", "/wiki"); got.body != "wiki /wiki" {
			t.Errorf("%s: after another table: %d %q, want the app", location, got.StatusCode, got.body)
		}
	}
}

func TestProxy_RespondsForRoutesThatAreNotReady(t *testing.T) {
	target := func(state route.State) route.Target {
		a := at(string(state), "127.0.0.1:1")
		a.State = state
		return a
	}
	addressless := target(route.Ready)
	addressless.Address = ""
	p := start(t, Config{},
		mount(t, "/", route.Strip, app(t, "root", nil)),
		mount(t, "/starting", route.Strip, target(route.Starting)),
		mount(t, "/unhealthy", route.Strip, target(route.Unhealthy)),
		mount(t, "/draining", route.Strip, target(route.Draining)),
		mount(t, "/crashing", route.Strip, target(route.Crashing)),
		mount(t, "/stopped", route.Strip, target(route.Stopped)),
		mount(t, "/addressless", route.Strip, addressless),
		mount(t, "/half", route.Strip, target(route.Stopped), app(t, "half", nil), target(route.Starting)),
	)
	for path, code := range map[string]string{
		"/starting/": "starting", "/unhealthy/": "unhealthy", "/draining/x": "draining", "/stopped/": "stopped", "/crashing/": "crashing",
		"/addressless/": "starting",
	} {
		got := p.do(t, "GET", path, "Accept: application/json")
		if got.StatusCode != 503 || got.Header.Get("Retry-After") == "" || !strings.Contains(got.body, `"code":"`+code+`"`) {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
		if id := got.Header.Get("X-Request-Id"); id == "" || !strings.Contains(got.body, id) {
			t.Errorf("%s: the page does not show its request id %q", path, id)
		}
	}
	for range 20 {
		if got := p.do(t, "GET", "/half/"); got.body != "half GET /" {
			t.Fatalf("a route with one ready target: %d %q", got.StatusCode, got.body)
		}
	}
	if got := p.do(t, "POST", "/stopped/", "Content-Length: 3", "", "abc"); got.StatusCode != 503 {
		t.Errorf("POST: %d", got.StatusCode)
	}
}

func TestProxy_RespondsForExpiredRoutes(t *testing.T) {
	was := at("old", "127.0.0.1:1")
	was.State = route.Expired
	old := mount(t, "/old", route.Strip, was)
	old.Project, old.Owner, old.Expires = "old", "kim@example.org", time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	p := start(t, Config{}, mount(t, "/", route.Strip, app(t, "root", nil)), old)
	for _, path := range []string{"/old/", "/old/deep/er?q=1"} {
		got := p.do(t, "GET", path, "Accept: text/plain")
		for _, want := range []string{"410 old has expired", "30 June 2026", ": kim@example.org.", "gateway renew old"} {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s: %q lacks %q", path, got.body, want)
			}
		}
		if got.StatusCode != 410 || got.Header.Get("Retry-After") != "" || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
		}
	}
	replica := app(t, "replica", nil)
	old.Targets = append(old.Targets, replica)
	p.SetTable(route.Build([]route.Route{old}, nil))
	if got := p.do(t, "GET", "/old/"); got.body != "replica GET /" {
		t.Errorf("with a target that runs: %d %q", got.StatusCode, got.body)
	}
}

func TestProxy_WaitsForItsFirstTable(t *testing.T) {
	p := start(t, Config{})
	if got := p.do(t, "GET", "/"); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
		t.Errorf("before any table: %d, want 503", got.StatusCode)
	}
	p.SetTable(nil)
	if got := p.do(t, "GET", "/"); got.StatusCode != 503 {
		t.Errorf("after no table: %d, want 503", got.StatusCode)
	}
	p.SetTable(route.Build(nil, nil))
	if got := p.do(t, "GET", "/"); got.StatusCode != 404 {
		t.Errorf("with an empty table: %d, want 404", got.StatusCode)
	}
}

func TestProxy_ShowsWhatWasRemoved(t *testing.T) {
	robots := mount(t, "/robots", route.Strip, app(t, "robots", nil))
	p := start(t, Config{}, robots)
	p.SetTable(route.Build(nil, nil))
	got := p.do(t, "GET", "/robots/x")
	if got.StatusCode != 404 || !strings.Contains(got.body, "robots was removed") || !strings.Contains(got.body, "UTC") {
		t.Errorf("%d %q, want what was here until when", got.StatusCode, got.body)
	}
	if got := p.do(t, "GET", "/robotsarmy"); strings.Contains(got.body, "removed") {
		t.Errorf("beside it: %q", got.body)
	}
	p.SetTable(route.Build([]route.Route{robots}, nil))
	if got := p.do(t, "GET", "/robots/x"); got.StatusCode != 200 {
		t.Errorf("back again: %d", got.StatusCode)
	}
	if n := len(p.current.Load().Removed); n != 0 {
		t.Errorf("%d routes are remembered as gone, want none", n)
	}
}

func TestProxy_KeepsRequestsForARemovedRouteFromTheRoot(t *testing.T) {
	root := mount(t, "/", route.Strip, app(t, "root", nil))
	robots := mount(t, "/robots", route.Strip, app(t, "robots", nil))
	p := start(t, Config{}, root, robots)
	p.SetTable(route.Build([]route.Route{root}, nil))
	if got := p.do(t, "POST", "/robots/login"); got.StatusCode != 404 || !strings.Contains(got.body, "robots was removed") {
		t.Errorf("just removed: %d %q", got.StatusCode, got.body)
	}
	if got := p.do(t, "GET", "/robotsarmy"); got.body != "root GET /robotsarmy" {
		t.Errorf("beside it: %q", got.body)
	}
	now := p.current.Load()
	p.replace(now.Table, now.Version, []live.Tombstone{{Key: robots.Key, Service: "robots", Until: time.Now().Add(-live.ShadowFor)}})
	if got := p.do(t, "GET", "/robots/x"); got.body != "root GET /robots/x" {
		t.Errorf("later: %q, want the project at /", got.body)
	}
}

func TestProxy_RespondsToHEADWithTheHeadOfAPage(t *testing.T) {
	p := start(t, Config{}, mount(t, "/x", route.Strip, app(t, "x", nil)))
	get, head := p.do(t, "GET", "/nothing"), p.do(t, "HEAD", "/nothing")
	if head.StatusCode != 404 || head.body != "" || head.ContentLength != int64(len(get.body)) {
		t.Errorf("HEAD: %d, %d bytes and a length of %d; GET has %d bytes", head.StatusCode, len(head.body), head.ContentLength, len(get.body))
	}
}

func TestProxy_RespondsToInvalidRequestsWithAPage(t *testing.T) {
	p := start(t, Config{}, mount(t, "/", route.Strip, app(t, "root", nil)))
	for request, status := range map[string]int{
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":              400,
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n":                        400,
		"GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n":        417,
		"GET / HTTP/3.0\r\nHost: a\r\n\r\n":                         505,
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n": 501,
	} {
		got := p.raw(t, "GET", request)
		if id := got.Header.Get("X-Request-Id"); got.StatusCode != status || len(id) != 32 || !strings.Contains(got.body, id) {
			t.Errorf("%q: %d %q, want %d and a page with the id %q", request, got.StatusCode, got.body, status, id)
		}
	}
}

func TestProxy_RespondsToOddMethodsItself(t *testing.T) {
	p := start(t, Config{}, mount(t, "/", route.Strip, app(t, "root", nil)))
	for _, request := range []string{"CONNECT example.org:443", "TRACE /"} {
		method, target, _ := strings.Cut(request, " ")
		if got := p.do(t, method, target); got.StatusCode != 405 || got.Header.Get("Allow") == "" {
			t.Errorf("%s: %d, Allow %q", request, got.StatusCode, got.Header.Get("Allow"))
		}
	}
	if got := p.do(t, "OPTIONS", "*"); got.StatusCode != 204 || got.Header.Get("Allow") == "" {
		t.Errorf("OPTIONS *: %d", got.StatusCode)
	}
	if got := p.do(t, "OPTIONS", "/x"); got.body != "root OPTIONS /x" {
		t.Errorf("OPTIONS of an app: %q", got.body)
	}
	if got := p.do(t, "GET", "*"); got.StatusCode != 400 {
		t.Errorf("GET *: %d", got.StatusCode)
	}
	if got := p.do(t, "PROPFIND", "/x"); got.body != "root PROPFIND /x" {
		t.Errorf("an unknown method: %q", got.body)
	}
}
