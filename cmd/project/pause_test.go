package project

import (
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
)

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
