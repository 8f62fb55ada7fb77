package proxy

import (
	"cmp"
	"errors"
	"sync/atomic"
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/page"
	"gateway/proxy/queue"
	"gateway/proxy/route"
)

const (
	// retryFirst and retryMost are how long a request waits before it tries again targets that could not be reached, at
	// first and at most: one that accepts connections again may do so without a new table.
	retryFirst = 50 * time.Millisecond
	retryMost  = 500 * time.Millisecond
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

// awaitTarget waits until it is worth to look for a target again. It returns false when the request has waited for as
// long as it may, or the outage lasts for longer already, or the gateway ends. An error says that the request is over:
// the client left, or there is no time left for it.
func (d *delivery) awaitTarget() (again bool, err error) {
	now := time.Now()
	left := d.patience(d.serving.outage.begin(now), now)
	if waking, waits := d.wakeLeft(now); waits {
		left = waking
	}
	if left <= 0 {
		return false, nil
	}
	d.leavePlace()
	d.place = d.serving.outage.join()
	if d.place == nil || d.server.pauses.ending.Load() {
		return false, nil
	}
	d.tried = d.tried[:0]
	if d.renew() {
		return true, nil
	}
	d.pause = min(max(2*d.pause, retryFirst), retryMost)
	if (len(d.serving.ready) == 0 || d.serving.sleeper.setAside()) && d.server.current.Load() == d.snapshot {
		return true, d.wait(left)
	}
	// A target may come back without a new table. A route that the current table does not have comes back without waking
	// those who wait for it as it was.
	return true, d.wait(min(d.pause, left))
}

// patience is how long the request may still wait for what is lost since then.
func (d *delivery) patience(since, now time.Time) time.Duration {
	if d.lost.IsZero() {
		d.lost = now
	}
	return d.server.config.Hold - max(now.Sub(since), now.Sub(d.lost))
}

// wait waits for the turn of the request's place, for that long at most, and goes on with the current table
// then. An error says that the request is over.
func (d *delivery) wait(most time.Duration) error {
	began := time.Now()
	err := d.exchange.Await(d.place.Turn(), most)
	took := time.Since(began)
	d.waited += took
	if errors.Is(err, engine.ErrTimeout) && took >= most {
		err = nil
	}
	if err == nil {
		d.renew()
	}
	return err
}

// awaitTable waits for another table where the current one lost the route a moment ago, as while a project is made again,
// or where there was none yet. It returns false when there is nothing to wait for, or no longer.
func (v *visit) awaitTable(path route.Path) bool {
	s := v.server
	since := s.started
	if v.snapshot.table != nil {
		removed, found := v.snapshot.removed(v.host, path, v.began)
		if !found {
			return false
		}
		since = removed.Until
	}
	left := v.way.patience(since, time.Now())
	if left <= 0 {
		return false
	}
	defer v.way.leavePlace()
	v.way.place = s.tables.join()
	if v.way.place == nil || s.pauses.ending.Load() {
		return false
	}
	if s.current.Load() == v.snapshot {
		err := v.way.wait(left)
		if errors.Is(err, engine.ErrGone) {
			v.status = statusGone
			v.exchange.Abort()
		}
		if err != nil {
			return false
		}
	}
	// It may be the same one: its own release wakes those who saw it before that.
	v.snapshot = s.current.Load()
	return true
}

// dismiss lets those go on who wait for a target. As the gateway ends, they get no other place.
func (s *snapshot) dismiss() {
	for _, r := range s.serving {
		r.outage.release()
	}
}

// leavePlace leaves the line that the request waited in: it has chosen its target, or gave up.
func (d *delivery) leavePlace() {
	if d.place != nil {
		d.place.Leave()
		d.place = nil
	}
}

// renew goes on with what the current table has for the route, if it still has it. It reports whether that is
// another table than before.
func (d *delivery) renew() bool {
	now := d.server.current.Load()
	if now == d.snapshot || now.table == nil || d.serving == nil {
		return false
	}
	r := now.table.Lookup(d.serving.route.Key)
	if r == nil {
		return false
	}
	d.snapshot, d.serving = now, now.serving[r]
	return true
}

// app is what clients know the app by: its project, or its service where there is none.
func (s *serving) app() string { return cmp.Or(s.route.Project, s.route.Service) }

// lostPage is what clients get of a route none of whose targets takes requests.
func (v *visit) lostPage() page.Kind {
	s := v.serving
	switch {
	case s.state != route.Crashing && s.state != route.Unhealthy && s.sleeper.waking(time.Now(), v.server.config.Wake):
		return page.Waking
	case s.state == route.Asleep && s.sleeper.failed():
		return page.Unwoken
	case len(s.ready) > 0:
		// Only failing checks keep a target that is ready from being asked.
		return page.Unhealthy
	}
	return statePages[s.state]
}
