package tui

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"gateway/proxy/admin"
)

var update = flag.Bool("update", false, "write the golden files again")

// noon is the time on every clock of these tests.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func target(name, state, address, reason string) admin.Target {
	return admin.Target{ID: name, Name: name, State: state, Address: address, Scheme: "http", Reason: reason}
}

// seen is the traffic of a route: requests per second, and two latencies in milliseconds.
type seen struct{ rate, p50, p95 float64 }

func testRoute(path, project, service, state string, s seen) admin.Route {
	return admin.Route{
		Key: path, Path: path, Project: project, Service: service, State: state, Source: "docker", Mount: "strip",
		Targets: []admin.Target{target(project+"-"+service+"-1", state, "10.213.0.3:80", "")},
		Traffic: admin.Traffic{Requests: uint64(s.rate * 1000), Inflight: int64(s.rate / 10), Rate: s.rate, P50: s.p50, P95: s.p95},
	}
}

// testRoutes is a table with a bit of everything.
func testRoutes() admin.Routes {
	home := testRoute("/", "home", "wordpress", "ready", seen{42.13, 38, 210})
	home.Owner, home.Traffic.Errors = "mina@example.org", 3
	blog := testRoute("/blog", "blog", "wordpress", "ready", seen{12, 24, 96})
	blog.Owner, blog.Expires = "mina@example.org", time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)
	blog.Targets = append(blog.Targets, target("blog-wordpress-2", "stopped", "", "exited (1) 3 minutes ago"))
	git := testRoute("/git", "forgejo", "web", "unhealthy", seen{1.2, 0.84, 4.4})
	git.Traffic.Errors = 12_844
	robots := testRoute("/robots", "robots", "site", "ready", seen{3.3, 1.1, 4.9})
	robots.Owner, robots.Expires = "로봇 동아리 (robot club)", time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	photos := testRoute("/%EC%82%AC%EC%A7%84", "photos", "gallery", "ready", seen{0.7, 88, 1420})
	photos.Owner, photos.Expires = "사진부", time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
	old := testRoute("/old-portfolio-2019", "portfolio", "site", "stopped", seen{0, 0, 0})
	old.Expires = noon
	shop := testRoute("/", "shop", "web", "ready", seen{1234, 12, 50})
	shop.Key, shop.Host = "shop.example.org/", "shop.example.org"
	return admin.Routes{
		Table: admin.Table{Revision: 41, Since: noon.Add(-3 * time.Minute), Routes: 9, Problems: 2},
		Routes: []admin.Route{
			home, photos, blog, git, old, robots,
			testRoute("/slack", "slack", "invite", "starting", seen{0, 0, 0}),
			testRoute("/wiki", "", "wikijs", "draining", seen{2.4, 19, 77}),
			shop,
		},
		Problems: []admin.Problem{
			{
				Subject: "photos-db-1", Project: "photos", Route: "/photos-db",
				Message: `label gateway.port of container photos-db-1 is "eighty": a port is a number from 1 to 65535`,
				Fix:     `write gateway.port: "80"`,
			},
			{
				Subject: "blog2-web-1", Project: "blog2", Route: "/blog",
				Message: "/blog is held by blog (service wordpress) since 2026-03-01 10:22:41; the older claim keeps a prefix",
				Fix:     "give blog2 (service web) another gateway.path, or blog (service wordpress)",
			},
		},
	}
}

func testStatus() admin.Status {
	return admin.Status{
		Proxy: admin.Proxy{Listeners: []string{"http://[::]:8080", "unix:///run/gateway/admin.sock"}},
		Sources: []admin.Source{{
			Name: admin.DefaultSource, Connected: true, Agent: &admin.Agent{Reported: noon.Add(-2 * time.Second)},
		}},
		Table: testRoutes().Table,
	}
}

func testRequests() []admin.Request {
	at := func(seconds int) time.Time { return noon.Add(-time.Duration(seconds) * time.Second) }
	return []admin.Request{
		{Time: at(1), Method: "GET", Path: "/blog/", Status: 200, Target: "blog-wordpress-1", Millis: 24.2, Bytes: 18_123},
		{Time: at(3), Method: "POST", Path: "/blog/wp-comments-post.php", Status: 502, Millis: 1042, Bytes: 812},
		{Time: at(64), Method: "GET", Path: "/blog/%EC%82%AC%EC%A7%84.jpg", Status: 404, Target: "blog-wordpress-1", Millis: 3},
	}
}

// driver is a model that is fed by a test, at a time of its own.
type driver struct {
	t       *testing.T
	m       model
	now     time.Time
	command tea.Cmd
}

// drive starts a model of a size. It has no answer yet.
func drive(t *testing.T, width, height int) *driver {
	d := &driver{t: t, now: noon}
	nothing := func(string) answerMsg { return answerMsg{err: errors.New("not asked in this test")} }
	d.m = newModel(nothing, nil, atOnce(t), Options{Now: func() time.Time { return d.now }})
	d.send(tea.WindowSizeMsg{Width: width, Height: height})
	return d
}

// atOnce lets jobs begin in a context that ends with the test.
func atOnce(t *testing.T) func(func(context.Context) tea.Msg) tea.Cmd {
	return func(do func(context.Context) tea.Msg) tea.Cmd {
		return func() tea.Msg { return do(t.Context()) }
	}
}

// loaded is drive with the answer of a gateway that is well.
func loaded(t *testing.T, width, height int) *driver {
	d := drive(t, width, height)
	d.answer(testRoutes())
	return d
}

func (d *driver) send(msg tea.Msg) {
	d.t.Helper()
	next, command := d.m.Update(msg)
	d.m, d.command = next.(model), command
}

func (d *driver) answer(routes admin.Routes) {
	d.send(answerMsg{at: d.now, status: testStatus(), routes: routes, key: d.m.detail.key, requests: testRequests()})
}

// fail answers with an error after a while.
func (d *driver) fail(after time.Duration, text string) {
	d.now = d.now.Add(after)
	d.send(answerMsg{at: d.now, err: errors.New(text)})
}

// press sends keys: names such as enter, or the letters of a text.
func (d *driver) press(keys ...string) {
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown,
		"pgdown": tea.KeyPgDown, "end": tea.KeyEnd, "backspace": tea.KeyBackspace,
	}
	for _, name := range keys {
		if code, ok := special[name]; ok {
			d.send(tea.KeyPressMsg{Code: code})
			continue
		}
		for _, r := range name {
			d.send(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

// screen is what is seen, without colours. It fits the terminal, whatever the test did.
func (d *driver) screen() string {
	d.t.Helper()
	lines := strings.Split(ansi.Strip(d.m.View().Content), "\n")
	if len(lines) > d.m.height {
		d.t.Errorf("the screen has %d lines in a terminal of %d", len(lines), d.m.height)
	}
	for _, line := range lines {
		if width := lipgloss.Width(line); width > d.m.width {
			d.t.Errorf("a line of %d cells in a terminal of %d: %q", width, d.m.width, line)
		}
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if it is meant to, run the test with -update\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}
