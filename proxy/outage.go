package proxy

import (
	"sync/atomic"
	"time"

	"gateway/proxy/queue"
)

// longAgo is since when a route without targets had none, if it never had any.
var longAgo time.Time

// outage is the time in which none of a route's targets can be reached. Requests wait for its end as long as it is short,
// as it is when an app restarts. It passes from one snapshot to the next.
type outage struct {
	// since is when it began, nil when a target was last reached. It has the monotonic clock's time too: how long an outage
	// lasts has nothing to do with a clock that is put right meanwhile.
	since atomic.Pointer[time.Time]
	waitingRoom
}

// waitingRoom is where requests wait for what comes by release.
type waitingRoom struct {
	// line is nil as long as nobody waits.
	line atomic.Pointer[queue.Queue]
}

// outageOf returns that of the route as it was before, or a new one: a route that never had a target is none that lost
// its last. left is when it left the table, zero if it was never there.
func (s *serving) outageOf(ready bool, left, now time.Time) *outage {
	if s == nil {
		o := new(outage)
		switch {
		case ready:
		case left.IsZero():
			o.since.Store(&longAgo)
		default:
			o.begin(left)
		}
		return o
	}
	switch {
	case !ready:
		s.outage.begin(now)
	case len(s.ready) == 0:
		// It has targets again, which may not accept connections yet.
		s.outage.since.Store(nil)
	}
	return s.outage
}

// begin notes that no target can be reached, and returns since when.
func (o *outage) begin(now time.Time) time.Time {
	if since := o.since.Load(); since != nil {
		return *since
	}
	began := now
	o.since.CompareAndSwap(nil, &began)
	return now
}

// end notes that a target was reached.
func (o *outage) end() {
	if o.since.Load() != nil {
		o.since.Store(nil)
		o.release()
	}
}

// release lets those go on who wait.
func (w *waitingRoom) release() {
	if w.line.Load() == nil {
		return
	}
	if line := w.line.Swap(nil); line != nil {
		line.Release()
	}
}

// join takes a place where release comes by, or returns nil when too many wait.
func (w *waitingRoom) join() *queue.Place {
	for {
		line := w.line.Load()
		if line == nil {
			w.line.CompareAndSwap(nil, queue.New(maxWaiting))
			continue
		}
		place, joined := line.Join()
		if !joined {
			return nil
		}
		return place
	}
}

// dismiss lets those go on who wait for a target. As the gateway ends, they get no other place.
func (s *snapshot) dismiss() {
	for _, r := range s.serving {
		r.outage.release()
	}
}
