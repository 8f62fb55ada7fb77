package cmd

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/projects"
	"gateway/projects/compose"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/proxy/stack"
)

func key(t *testing.T, s string) route.Key {
	t.Helper()
	k, err := route.ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestReadiness_WaitsUntilTheRouteIsServed(t *testing.T) {
	robots := admin.Route{Key: "/robots", Project: "robots", State: "ready"}
	starting, stolen, refused := robots, robots, robots
	refused.State, refused.Reason = "unreachable", "it refuses connections"
	starting.State, stolen.Project = "starting", "thief"
	crash := docker.Container{Name: "robots-site-1", State: "restarting", Status: "Restarting (1) 1 second ago"}
	db := docker.Container{Name: "robots-db-1", State: "running", Status: "Up 3 seconds"}
	done := docker.Container{Name: "robots-job-1", State: "exited", Status: "Exited (0) 2 seconds ago"}
	problem := admin.Problem{Subject: "robots-site-1", Project: "robots", Route: "/robots", Message: "its path is taken", Mend: "choose another"}
	for name, c := range map[string]struct {
		// seen are the tables in the order in which they come; the last one stays.
		seen      []admin.Routes
		container []docker.Container
		probe     error
		want      string
		// atMost bounds the wait, atLeast is what has to pass before something wrong is believed.
		atLeast, atMost time.Duration
	}{
		"ready":           {seen: []admin.Routes{{Routes: []admin.Route{robots}}}, atMost: 0},
		"after a while":   {seen: []admin.Routes{{}, {Routes: []admin.Route{starting}}, {Routes: []admin.Route{robots}}}, atMost: time.Second},
		"never":           {seen: []admin.Routes{{Routes: []admin.Route{starting}}}, want: "route /robots is starting", atLeast: readyTimeout, atMost: readyTimeout},
		"found well":      {seen: []admin.Routes{{Routes: []admin.Route{refused}}}, atMost: 0},
		"unreachable":     {seen: []admin.Routes{{Routes: []admin.Route{refused}}}, probe: errors.New("502"), want: "route /robots is unreachable: it refuses connections", atLeast: readyTimeout, atMost: readyTimeout},
		"another's":       {seen: []admin.Routes{{Routes: []admin.Route{stolen}}}, want: "not in the table", atLeast: readyTimeout, atMost: readyTimeout},
		"silent":          {seen: []admin.Routes{{Routes: []admin.Route{robots}}}, probe: errors.New("502"), want: "502", atLeast: readyTimeout, atMost: readyTimeout},
		"crashing":        {seen: []admin.Routes{{}}, container: []docker.Container{crash}, want: "does not keep running (Restarting (1)", atLeast: wrongFor, atMost: 2 * wrongFor},
		"a problem":       {seen: []admin.Routes{{Problems: []admin.Problem{problem}}}, want: "its path is taken; choose another", atLeast: wrongFor, atMost: 2 * wrongFor},
		"one of several":  {seen: []admin.Routes{{}}, container: []docker.Container{crash, db}, want: "does not keep running (Restarting (1)", atLeast: crashFor, atMost: 2 * crashFor},
		"one-shot":        {seen: []admin.Routes{{Routes: []admin.Route{starting}}}, container: []docker.Container{done}, want: "route /robots is starting", atLeast: readyTimeout, atMost: readyTimeout},
		"a short problem": {seen: []admin.Routes{{Problems: []admin.Problem{problem}}, {Routes: []admin.Route{robots}}}, atMost: time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			r := readiness{
				routes: func(context.Context) (admin.Routes, error) {
					calls++
					return c.seen[min(calls, len(c.seen))-1], nil
				},
				running:  func(context.Context) ([]docker.Container, error) { return c.container, nil },
				probe:    func(context.Context, route.Key) error { return c.probe },
				progress: newProgress(&Env{Err: new(bytes.Buffer)}),
			}
			start := time.Now()
			err := r.await(t.Context(), "robots", []route.Key{key(t, "/robots")})
			took := time.Since(start)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			if took < c.atLeast || took > c.atMost {
				t.Errorf("%s: it took %s", name, took)
			}
		})
	}
}

func TestReadiness_EndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := readiness{
		routes:   func(context.Context) (admin.Routes, error) { cancel(); return admin.Routes{}, nil },
		running:  func(context.Context) ([]docker.Container, error) { return nil, nil },
		progress: newProgress(&Env{Err: new(bytes.Buffer)}),
	}
	if err := r.await(ctx, "robots", []route.Key{key(t, "/robots")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAddress_IsWhatPeopleType(t *testing.T) {
	for _, c := range []struct{ base, key, want string }{
		{"http://localhost", "/robots", "http://localhost/robots/"},
		{"http://localhost:8080", "/", "http://localhost:8080/"},
		{"http://localhost:8080", "shop.example.org/", "http://shop.example.org:8080/"},
		{"http://localhost", "shop.example.org/a", "http://shop.example.org/a/"},
	} {
		base, err := url.Parse(c.base)
		if err != nil {
			t.Fatal(err)
		}
		if got := (address{base: base}).url(key(t, c.key)); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.base, c.key, got, c.want)
		}
	}
	for listener, want := range map[string]string{
		"http://[::]:80": "http://localhost/x/", "http://0.0.0.0:8080": "http://localhost:8080/x/",
		"http://127.0.0.1:8080": "http://127.0.0.1:8080/x/", "http://[::1]:80": "http://[::1]/x/",
	} {
		if got := listening([]string{"unix:///run/x.sock", listener}).url(key(t, "/x")); got != want {
			t.Errorf("%s: %s, want %s", listener, got, want)
		}
	}
	w := &workshop{env: &Env{Getenv: func(string) string { return "" }}}
	s := stack.Default()
	s.HTTP, s.Bind, s.Hosts = 8080, netip.MustParseAddr("192.0.2.7"), []string{"example.org"}
	if at, err := w.published(s); err != nil || at.url(key(t, "/x")) != "http://example.org:8080/x/" || at.dial != "192.0.2.7:8080" {
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
	at := address{&url.URL{Scheme: "http", Host: "example.org"}, server.Listener.Addr().String()}
	for _, status = range []int{200, 302, 401, 404} {
		if err := at.probe(t.Context(), key(t, "/x")); err != nil || host != "example.org" {
			t.Errorf("%d for %s: %v", status, host, err)
		}
	}
	for _, status = range []int{502, 503, 504} {
		if err := at.probe(t.Context(), key(t, "/x")); err == nil {
			t.Errorf("%d counts as an answer", status)
		}
	}
	server.Close()
	if err := at.probe(t.Context(), key(t, "/x")); err != nil {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestProgress_DrawsInPlaceOnATerminalAndLinesElsewhere(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&Env{Err: &out})
	events := []compose.Event{
		{ID: "Network a_web", Text: "Creating"},
		{ID: "Network a_web", Text: "Created", Status: compose.Done},
		{ID: "Container a-site-1", Text: "Error", Details: "no such image", Status: compose.Failed},
	}
	for _, e := range events {
		p.emit(e)
	}
	if want := "Network a_web: created\nContainer a-site-1: error no such image\n"; out.String() != want {
		t.Errorf("lines %q, want %q", out.String(), want)
	}
	out.Reset()
	p = &progress{out: &out, width: 30, now: time.Now}
	for _, e := range events {
		p.emit(e)
	}
	last := out.String()[strings.LastIndex(out.String(), "\x1b[1A"):]
	if want := "\x1b[1A\r\x1b[K✔ Network a_web created\n\r\x1b[K✘ Container a-site-1 error: …\n"; last != want {
		t.Errorf("drawn %q, want %q", last, want)
	}
}

func TestNetworkSpec_RefusesWithAMend(t *testing.T) {
	for name, c := range map[string]struct {
		o    networkOptions
		want string
	}{
		"a bad name":        {networkOptions{name: "a b"}, "write chess"},
		"before the proxy":  {networkOptions{name: "0-a"}, "sorts before 0-gateway"},
		"the proxy's":       {networkOptions{name: "0-gateway"}, "sorts before"},
		"host bits":         {networkOptions{name: "chess", subnet: "10.213.7.1/27"}, "--subnet"},
		"no room":           {networkOptions{name: "chess", subnet: "10.213.7.0/30"}, "--subnet"},
		"an IPv6 subnet":    {networkOptions{name: "chess", subnet: "fd00::/64"}, "--subnet"},
		"upper case is low": {networkOptions{name: "0-Zoo"}, "sorts before"},
	} {
		if s, err := c.o.spec(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v %v, want %q", name, s, err, c.want)
		}
	}
	s, err := networkOptions{name: "chess", internal: true}.spec()
	if err != nil || !s.Internal || s.Labels[label.Role] != label.RoleBackend || s.Subnet.IsValid() {
		t.Errorf("internal: %+v %v", s, err)
	}
}

func TestView_SaysWhatNeedsALook(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	claims, _ := label.Parse(map[string]string{label.Path: "/robots"})
	p := projects.Project{Name: "robots", Document: projects.Document{Claims: claims}}
	p.Expires = time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)
	up := map[string][]docker.Container{"robots": {{Name: "robots-site-1", State: "running"}}}
	down := map[string][]docker.Container{"robots": {{Name: "robots-site-1", State: "exited"}}}
	served := &admin.Routes{Routes: []admin.Route{{Key: "/robots", Project: "robots", State: "ready"}}}
	paused := &admin.Routes{Routes: []admin.Route{{Key: "/robots", Project: "robots", State: "ready", Paused: &admin.Pause{Since: now}}}}
	at := address{base: &url.URL{Scheme: "http", Host: "localhost"}}
	broken := p
	broken.Err = errors.New("line 3")
	for name, c := range map[string]struct {
		o    observation
		p    projects.Project
		want string
	}{
		"served":             {observation{containers: up, routes: served, at: at}, p, "ready"},
		"paused":             {observation{containers: up, routes: paused, at: at}, p, "paused"},
		"not routed":         {observation{containers: up, routes: &admin.Routes{}, at: at}, p, "not routed"},
		"not deployed":       {observation{containers: map[string][]docker.Container{}, routes: &admin.Routes{}, at: at}, p, "not deployed"},
		"no gateway":         {observation{containers: up}, p, "running"},
		"no gateway, down":   {observation{containers: down}, p, "stopped"},
		"no engine":          {observation{routes: served, at: at}, p, "ready"},
		"neither":            {observation{}, p, "unknown"},
		"a broken file":      {observation{containers: up, routes: served, at: at}, broken, "broken"},
		"one of two is away": {observation{containers: up, routes: &admin.Routes{Routes: append(slices.Clone(served.Routes), admin.Route{Key: "/b", Project: "robots", State: "unhealthy"})}, at: at}, p, "unhealthy"},
	} {
		v := c.o.view(c.p, now)
		if (v.State == "paused") != strings.Contains(v.Routes[0].Reason, "paused since 2026-11-20 ") {
			t.Errorf("%s: the reason is %q", name, v.Routes[0].Reason)
		}
		if v.State != c.want {
			t.Errorf("%s: %s, want %s", name, v.State, c.want)
		}
		if v.expiry() != "2026-11-19 (past)" {
			t.Errorf("%s: expires %s", name, v.expiry())
		}
	}
}

func TestView_TellsNotRoutedFromNotKnown(t *testing.T) {
	claims, _ := label.Parse(map[string]string{label.Path: "/robots"})
	p := projects.Project{Name: "robots", Document: projects.Document{Claims: claims}}
	for want, o := range map[string]observation{"unknown": {}, "not routed": {routes: &admin.Routes{}}} {
		if v := o.view(p, time.Now()); len(v.Routes) != 1 || v.Routes[0].State != want {
			t.Errorf("routes %+v, want one that is %s", v.Routes, want)
		}
	}
}
