package live

import (
	"strings"
	"testing"
	"time"
)

// A clock that is put back or forward would have requests wait for what is away for long, or not at all.
func TestOutage_LastsByTheMonotonicClock(t *testing.T) {
	o, now := new(Outage), time.Now()
	for range 2 {
		if since := o.Begin(now); !since.Equal(now) || !strings.Contains(since.String(), " m=") {
			t.Errorf("it began at %v, want %v", since, now)
		}
	}
	if since := o.Begin(now.Add(time.Second)); !since.Equal(now) {
		t.Errorf("going on, it began at %v, want %v", since, now)
	}
	o.End()
	if since := o.Begin(now.Add(time.Minute)); !since.Equal(now.Add(time.Minute)) {
		t.Errorf("the next one began at %v", since)
	}
}
