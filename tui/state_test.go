package tui

import (
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
)

// troubled is a table whose routes are in the states that the gateway finds itself, or that a source tells a cause of.
func troubled() admin.Routes {
	shop := testRoute("/shop", "shop", "web", "crashing", seen{})
	shop.Reason, shop.LastLog = "crashes: exit 1, 22 restarts", "panic: \x1b[31mno database"
	shop.Targets[0].Reason, shop.Targets[0].LastLog = shop.Reason, shop.LastLog
	store := testRoute("/store", "store", "app", "unreachable", seen{})
	store.Reason = "172.17.0.13:9999 refuses connections; set gateway.port to the port the app listens on"
	store.Targets[0].Reason = store.Reason
	robots := testRoute("/robots", "robots", "site", "ready", seen{})
	robots.Paused = &admin.Pause{Since: noon.Add(-time.Hour), Until: noon.Add(time.Hour)}
	return admin.Routes{Routes: []admin.Route{shop, store, robots}}
}

func TestText_TellsWhyRoutesAreNotReady(t *testing.T) {
	text := Text(troubled(), noon, false)
	for _, want := range []string{
		"/shop    crashing ", "/store   unreachable ", "/robots  paused ",
		"crashes: exit 1, 22 restarts; its last line: \"panic: ",
		"172.17.0.13:9999 refuses connections; set gateway.port to the port the app listens on",
		"since 2026-11-21 11:00:00, until 2026-11-21 13:00:00",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Errorf("the app's escapes reach the terminal: %q", text)
	}
}

func TestView_TellsWhyARouteIsNotReady(t *testing.T) {
	for _, test := range []struct{ path, state, reason string }{
		{"/shop", "▲ crashing", "crashes: exit 1, 22 restarts"},
		{"/store", "▲ unreachable", "172.17.0.13:9999 refuses connections; set gateway.port"},
		{"/robots", "‖ paused", "since 2026-11-21 11:00:00, until 2026-11-21 13:00:00"},
	} {
		table := troubled()
		for i := range table.Routes {
			if table.Routes[i].Path != test.path {
				continue
			}
			m := &model{width: 120, height: 40, now: noon}
			m.detail.last = table.Routes[i]
			lines := strings.Join(routeLines(m, 120), "\n")
			if !strings.Contains(lines, test.state) || !strings.Contains(lines, test.reason) {
				t.Errorf("%s: %q or %q is missing in:\n%s", test.path, test.state, test.reason, lines)
			}
		}
	}
}
