package engine

import (
	"strings"
	"testing"
	"time"
)

func TestDrain_EndsByTheMonotonicClock(t *testing.T) {
	u := New(Config{}).Upstream(HTTP, "192.0.2.1:80")
	u.Drain(time.Hour)
	if end := u.recalling.end.Load(); !strings.Contains(end.String(), " m=") || u.recalling.late() {
		t.Errorf("it ends at %v, late: %v", end, u.recalling.late())
	}
	u.Drain(1)
	if !u.recalling.late() {
		t.Error("it does not end")
	}
	u.Drain(0)
	if u.recalling.late() || u.recalling.ending() {
		t.Error("it ends although it was called off")
	}
}
