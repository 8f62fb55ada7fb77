package tui

import (
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
)

// troubledRoutes is a table of routes that are paused and of targets that the gateway does without.
func troubledRoutes() admin.Routes {
	home := testRoute("/", "home", "wordpress", "ready", seen{42.13, 38, 210})
	home.Targets = []admin.Target{
		target("home-wordpress-1", "ready", "10.213.0.3:80", ""),
		target("home-wordpress-2", "ready", "10.213.0.4:80", ""),
		target("home-wordpress-3", "ready", "10.213.0.5:80", ""),
		target("home-wordpress-4", "ready", "10.213.0.6:80", ""),
		target("home-wordpress-5", "stopped", "", "exited (1)"),
	}
	home.Targets[0].Health, home.Targets[0].Inflight = "passing", 4
	home.Targets[1].Health, home.Targets[1].Ejected, home.Targets[1].EjectedUntil = "passing", true, noon.Add(30*time.Second)
	home.Targets[2].Health = "failing"
	home.Targets[3].Health = "unchecked"
	home.Targets[4].Health, home.Targets[4].Ejected = "failing", true
	blog := testRoute("/blog", "blog", "wordpress", "stopped", seen{0, 0, 0})
	blog.Paused = &admin.Pause{
		Since: noon.Add(-2 * time.Minute), Until: noon.Add(time.Hour), Waiting: 12, Wait: 90_000,
		Message: "Back at one; ask mina@example.org",
	}
	robots := testRoute("/robots", "robots", "site", "ready", seen{3.3, 1.1, 4.9})
	robots.Paused = &admin.Pause{Since: noon.Add(-24 * time.Hour)}
	return admin.Routes{Routes: []admin.Route{home, blog, robots}, Problems: testRoutes().Problems[:1]}
}

// showing is a screen of that table after some keys.
func showing(t *testing.T, width, height int, keys ...string) *driver {
	d := drive(t, width, height)
	d.answer(troubledRoutes())
	d.press(keys...)
	d.answer(troubledRoutes())
	return d
}

func TestMatches_FindsPausedRoutes(t *testing.T) {
	r := troubledRoutes().Routes[1]
	for _, filter := range []string{"paused", "stopped"} {
		if !Matches(&r, filter) {
			t.Errorf("%q does not find a route that is paused and whose app is stopped", filter)
		}
	}
	r.Paused = nil
	if Matches(&r, "paused") {
		t.Error("a route that is not paused is found")
	}
}

func TestText_ShowsMessagesAndNeverObeysThem(t *testing.T) {
	routes := troubledRoutes()
	routes.Routes[1].Paused.Message = "\x1b[2Jred\nlines"
	text := Text(routes, noon, false)
	if strings.Contains(text, "\x1b") || !strings.Contains(text, "message: \\x1b[2Jred\\nlines\n") {
		t.Errorf("the text is\n%q", text)
	}
	if routes.Routes[1].Paused.Message != "\x1b[2Jred\nlines" {
		t.Error("what was given is changed")
	}
}

func TestWhoWaits_CountsRequests(t *testing.T) {
	for want, p := range map[string]admin.Pause{
		"no request waits":                  {Waiting: 0, Wait: 0},
		"0 requests wait, up to 30s each":   {Wait: 30_000},
		"1 request waits, up to 2m each":    {Wait: 120_000, Waiting: 1},
		"2 requests wait, up to 1m30s each": {Wait: 90_000, Waiting: 2},
	} {
		if got := whoWaits(&p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
