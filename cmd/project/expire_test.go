package project

import (
	"strings"
	"testing"
	"time"

	"gateway/projects"
	"gateway/proxy/admin"
)

func TestClockJump_ComparesTheClockWithWhatRan(t *testing.T) {
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		started time.Time
		ran     time.Duration
		jumped  bool
	}{
		"it runs for three days":        {now.Add(-3 * day), 3 * day, false},
		"a clock that is off by hours":  {now.Add(-3 * day), 3*day + 5*time.Hour, false},
		"set forward by a year":         {now.Add(-368 * day), 3 * day, true},
		"set back by a year":            {now.Add(362 * day), 3 * day, true},
		"a gateway that does not tell":  {now.Add(-368 * day), 0, false},
		"set forward by a day and more": {now.Add(-49 * time.Hour), 24 * time.Hour, true},
	} {
		got := clockJump(admin.Proxy{Started: c.started, Uptime: c.ran.Milliseconds()}, now)
		if (got != "") != c.jumped || c.jumped && !strings.Contains(got, "the clock was set") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestExpireNames_AreOldProjectsOrNames(t *testing.T) {
	for args, all := range map[string]bool{"old projects": true, "robots": false, "robots chess": false, "oldies": false, "my project": false} {
		names, err := expireNames(strings.Fields(args))
		if err != nil || (names == nil) != all {
			t.Errorf("%q: %q, %v", args, names, err)
		}
	}
	for _, args := range []string{"old", "projects", "old project", "old porjects", "odd projects", "Old Projects", "projects old", "all", "expired projects", "old projets"} {
		if _, err := expireNames(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), "did you mean: gateway expire old projects") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestExpiry_SaysTheLastVisitWithoutALie(t *testing.T) {
	today := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	e := expiry{rules: projects.Rules{Today: today}}
	for want, c := range map[string]projects.Candidate{
		"2 days ago": {Visited: today.AddDate(0, 0, -2), Watched: today.AddDate(0, 0, -9)},
		"today":      {Visited: today},
		"not since the gateway started 3 days ago": {Watched: today.AddDate(0, 0, -3)},
		"unknown": {},
	} {
		if got := e.visited(projects.Decision{Candidate: c}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
