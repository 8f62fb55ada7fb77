package proxy

import (
	"strings"
	"testing"
	"time"
)

// A clock that is put back or forward would have requests wait for what is away for long, or not at all.
func TestOutage_LastsByTheMonotonicClock(t *testing.T) {
	o, now := new(outage), time.Now()
	for range 2 {
		if since := o.begin(now); !since.Equal(now) || !strings.Contains(since.String(), " m=") {
			t.Errorf("it began at %v, want %v", since, now)
		}
	}
	if since := o.begin(now.Add(time.Second)); !since.Equal(now) {
		t.Errorf("going on, it began at %v, want %v", since, now)
	}
	o.end()
	if since := o.begin(now.Add(time.Minute)); !since.Equal(now.Add(time.Minute)) {
		t.Errorf("the next one began at %v", since)
	}
}
