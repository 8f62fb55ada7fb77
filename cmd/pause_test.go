package cmd

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
)

func TestKeysOf_AreThoseOfAProjectOrAContainerWithoutOne(t *testing.T) {
	routes := admin.Routes{Routes: []admin.Route{
		{Key: "/blog/admin", Project: "blog", Service: "web"},
		{Key: "/blog", Project: "blog", Service: "web"},
		{Key: "/other", Project: "other", Service: "blog"},
		{Key: "/alone", Service: "alone"},
	}}
	for name, want := range map[string][]string{
		"blog": {"/blog", "/blog/admin"}, "alone": {"/alone"}, "web": nil, "": nil,
	} {
		if got := keysOf(routes, name); !slices.Equal(got, want) {
			t.Errorf("%q has %q, want %q", name, got, want)
		}
	}
}

func TestPausedText_SaysWhatIsInForceAndHowItEnds(t *testing.T) {
	until := time.Date(2026, 11, 21, 17, 0, 0, 0, time.Local)
	for want, p := range map[string]admin.Pause{
		"requests get 503; resume it with: gateway resume blog":                                          {},
		"requests wait up to 30s, then get 503; resume it with":                                          {Wait: 30_000},
		"requests wait up to 10m, then get 503; it ends at 2026-11-21 17:00:00, or with: gateway resume": {Wait: 600_000, Until: until},
		"requests wait up to 1m30s, then get 503":                                                        {Wait: 90_000},
	} {
		if got := pausedText("/blog", "blog", p); !strings.HasPrefix(got, "/blog is paused: "+want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRoutesWatch_PrintsPausesAndEjectionsButNotWhoWaits(t *testing.T) {
	paused := func(change func(r *admin.Route)) admin.Routes {
		routes := filmedRoutes(1, 2, "ready")
		routes.Routes[0].Paused = &admin.Pause{Since: routesNow, Wait: 30_000}
		change(&routes.Routes[0])
		return routes
	}
	r := runFilm(t, routesOptions{watch: true, json: true},
		filmedRoutes(1, 2, "ready"),
		paused(func(*admin.Route) {}),
		paused(func(r *admin.Route) { r.Paused.Waiting = 5 }),
		paused(func(r *admin.Route) { r.Targets[0].Inflight = 5 }),
		paused(func(r *admin.Route) { r.Paused.Message = "later" }),
		paused(func(r *admin.Route) { r.Paused.Message, r.Targets[0].Ejected = "later", true }),
	)
	if n := strings.Count(r.out.String(), "\n"); n != 4 || !strings.Contains(r.out.String(), `"ejected":true`) {
		t.Errorf("printed %d times, want 4:\n%s", n, r.out.String())
	}
}
