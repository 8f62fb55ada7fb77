package live

import (
	"sync/atomic"
	"time"

	"gateway/proxy/queue"
)

// longAgo is when the outage of a route began that never had targets.
var longAgo time.Time

// Outage is the time in which no target of a route can be reached. Requests wait for its end if it is short, as when an app
// restarts. It passes from one State to the next, and is safe for concurrent use.
type Outage struct {
	Waitlist
	// since is when it began, nil when there is none. It has a monotonic reading, so that setting the clock does not matter.
	since atomic.Pointer[time.Time]
}

// start begins the outage of a new route without targets. removed is when the route left the table, zero if it was never
// there: requests do not wait for a route that never had a target.
func (o *Outage) start(ready bool, removed time.Time) {
	switch {
	case ready:
	case removed.IsZero():
		o.since.Store(&longAgo)
	default:
		o.Begin(removed)
	}
}

// change takes in whether the route had targets before and has some now.
func (o *Outage) change(before, now bool, when time.Time) {
	switch {
	case !now:
		o.Begin(when)
	case !before:
		// The new targets may not accept connections yet.
		o.since.Store(nil)
	}
}

// Begin notes that no target can be reached, and returns since when.
func (o *Outage) Begin(now time.Time) time.Time {
	if since := o.since.Load(); since != nil {
		return *since
	}
	began := now
	o.since.CompareAndSwap(nil, &began)
	return now
}

// End notes that a target was reached.
func (o *Outage) End() {
	if o.since.Load() != nil {
		o.since.Store(nil)
		o.Release()
	}
}

// MaxWaiting is how many requests of one route may wait. Each needs as much memory as any request under way.
const MaxWaiting = 1000

// Waitlist is where requests wait until Release. It is safe for concurrent use.
type Waitlist struct {
	// queue is nil as long as no request waits.
	queue atomic.Pointer[queue.Queue]
}

// Release releases all requests that wait.
func (w *Waitlist) Release() {
	if w.queue.Load() == nil {
		return
	}
	if q := w.queue.Swap(nil); q != nil {
		q.Release()
	}
}

// Join takes a place until Release, or returns nil when too many wait.
func (w *Waitlist) Join() *queue.Place {
	for {
		q := w.queue.Load()
		if q == nil {
			w.queue.CompareAndSwap(nil, queue.New(MaxWaiting))
			continue
		}
		place, joined := q.Join()
		if !joined {
			return nil
		}
		return place
	}
}

// Waiting is the number of requests that wait.
func (w *Waitlist) Waiting() int {
	if q := w.queue.Load(); q != nil {
		return q.Len()
	}
	return 0
}
