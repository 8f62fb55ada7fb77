package live

import (
	"sync/atomic"
	"time"

	"gateway/proxy/queue"
)

// longAgo is since when a route without targets had none, if it never had any.
var longAgo time.Time

// Outage is the time in which none of a route's targets can be reached. Requests wait for its end as long as it is short, as
// it is when an app restarts. It passes from one State to the next, and is safe for concurrent use.
type Outage struct {
	Waitlist
	// since is when it began, nil when a target was last reached. It has the monotonic clock's time too: how long an outage
	// lasts has nothing to do with a clock that is put right meanwhile.
	since atomic.Pointer[time.Time]
}

// start begins that of a new route: one that never had a target is none that lost its last. removed is when the route left
// the table, zero if it was never there.
func (o *Outage) start(ready bool, removed time.Time) {
	switch {
	case ready:
	case removed.IsZero():
		o.since.Store(&longAgo)
	default:
		o.Begin(removed)
	}
}

// change takes in whether the route had targets, and has.
func (o *Outage) change(before, now bool, when time.Time) {
	switch {
	case !now:
		o.Begin(when)
	case !before:
		// It has targets again, which may not accept connections yet.
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

// MaxWaiting is how many requests of one route wait. Each keeps what a request under way does.
const MaxWaiting = 1000

// Waitlist is where requests wait until Release. It is safe for concurrent use.
type Waitlist struct {
	// line is nil as long as nobody waits.
	line atomic.Pointer[queue.Queue]
}

// Release lets all requests go on that wait.
func (w *Waitlist) Release() {
	if w.line.Load() == nil {
		return
	}
	if line := w.line.Swap(nil); line != nil {
		line.Release()
	}
}

// Join takes a place until Release, or returns nil when too many wait.
func (w *Waitlist) Join() *queue.Place {
	for {
		line := w.line.Load()
		if line == nil {
			w.line.CompareAndSwap(nil, queue.New(MaxWaiting))
			continue
		}
		place, joined := line.Join()
		if !joined {
			return nil
		}
		return place
	}
}

// Waiting is the number of requests that wait.
func (w *Waitlist) Waiting() int {
	if line := w.line.Load(); line != nil {
		return line.Len()
	}
	return 0
}
