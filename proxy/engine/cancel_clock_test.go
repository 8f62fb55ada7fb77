package engine

import (
	"strings"
	"testing"
	"time"
)

func TestDrain_EndsByTheMonotonicClock(t *testing.T) {
	u := New(Config{}).Upstream(HTTP, "192.0.2.1:80")
	u.Drain(time.Hour)
	if end := u.cancellation.end.Load(); !strings.Contains(end.String(), " m=") || u.cancellation.expired() {
		t.Errorf("it ends at %v, late: %v", end, u.cancellation.expired())
	}
	u.Drain(1)
	if !u.cancellation.expired() {
		t.Error("it does not end")
	}
	u.Drain(0)
	if u.cancellation.expired() || u.cancellation.draining() {
		t.Error("it ends although it was called off")
	}
}
