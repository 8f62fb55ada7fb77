package proxy

import (
	"errors"
	"net/http"
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/header"
	"gateway/proxy/page"
	"gateway/proxy/queue"
	"gateway/proxy/route"
)

const (
	// retryFirst and retryMost are how long a request waits before it tries again targets that could not be reached, at
	// first and at most: one that accepts connections again may do so without a new table.
	retryFirst = 50 * time.Millisecond
	retryMost  = 500 * time.Millisecond
	// pageAfter is how long a browser waits for an app to wake before it gets the page that reloads itself.
	pageAfter = time.Second
)

var (
	// errFull says that the request cannot wait: as many do as may, or the gateway ends.
	errFull = errors.New("no place to wait in")
	// errLate says that a request waited for as long as it may in one place.
	errLate = errors.New("its turn did not come in time")
)

// wait waits in a place of a queue for its turn, for that long at most, and then goes on with the current table. Who has the
// turn leaves the place when the target is chosen. The error is errFull or errLate; any other says that the request is
// over, since the client left or no time is left for it.
func (r *clientRequest) wait(place *queue.Place, most time.Duration) error {
	r.place = place
	if place == nil || r.server.pauses.ending.Load() {
		return errFull
	}
	began := time.Now()
	err := r.Exchange.Await(place.Turn(), most)
	took := time.Since(began)
	r.waited += took
	if errors.Is(err, engine.ErrTimeout) && took >= most {
		err = errLate
	}
	if err == nil || errors.Is(err, errLate) {
		r.renew()
	}
	return err
}

// leavePlace leaves the queue that the request waited in: it has chosen its target, or gave up.
func (r *clientRequest) leavePlace() {
	if r.place != nil {
		r.place.Leave()
		r.place = nil
	}
}

// renew goes on with what the current table has for the route, if it still has it. It reports whether that is another
// table than before.
func (r *clientRequest) renew() bool {
	now := r.server.current.Load()
	if now == r.snapshot || now.table == nil || r.serving == nil {
		return false
	}
	to := now.table.Lookup(r.serving.route.Key)
	if to == nil {
		return false
	}
	r.follow(now, now.serving[to])
	return true
}

// pause waits while the route is paused. It reports whether the request goes on; if not, it is answered.
func (r *clientRequest) pause() bool {
	if r.serving.state == route.Expired {
		r.Page(page.Expired) // Waiting does not help, nor does the end of a pause.
		return false
	}
	p := r.server.pauses.paused(r.serving.route.Key, r.Began)
	if p == nil {
		return true
	}
	err := errFull
	if patience := p.terms.Load().Wait; patience > 0 {
		place, _ := p.line.Join()
		err = r.wait(place, patience)
	}
	switch {
	case err == nil && !r.server.pauses.ending.Load():
		return true
	case errors.Is(err, engine.ErrGone):
		r.abandon()
	default:
		r.leavePlace()
		r.Show(page.Page{Kind: page.Paused, Service: r.Route.App(), Message: p.terms.Load().Message})
	}
	return false
}

// awaitTable waits for another table where the current one lost the route a moment ago, as while a project is made again,
// or where there was none yet. It returns false when there is nothing to wait for, or no longer.
func (r *clientRequest) awaitTable(path route.Path) bool {
	s := r.server
	since := s.started
	if r.snapshot.table != nil {
		removed, found := r.snapshot.removed(r.Host, path, r.Began)
		if !found {
			return false
		}
		since = removed.Until
	}
	left := r.patience(since, time.Now())
	if left <= 0 {
		return false
	}
	defer r.leavePlace()
	place := s.tables.join()
	if s.current.Load() != r.snapshot {
		// Whoever was to wake this request may have done so already.
		left = time.Nanosecond
	}
	switch err := r.wait(place, left); {
	case err == nil, errors.Is(err, errLate):
	case errors.Is(err, engine.ErrGone):
		r.abandon()
		return false
	default:
		return false
	}
	// It may be the same one: its own release wakes those who saw it before that.
	r.snapshot = s.current.Load()
	return true
}

// awaitTarget waits until it is worth to look for a target again. It returns false when the request has waited for as
// long as it may, or the outage lasts for longer already, or the gateway ends. An error says that the request is over.
func (r *clientRequest) awaitTarget() (again bool, err error) {
	now := time.Now()
	left := r.patience(r.serving.outage.begin(now), now)
	if waking, waits := r.wakeLeft(now); waits {
		left = waking
	}
	if left <= 0 {
		return false, nil
	}
	r.leavePlace()
	r.place = r.serving.outage.join()
	r.tried = r.tried[:0]
	if r.place != nil && r.renew() {
		return true, nil
	}
	r.interval = min(max(2*r.interval, retryFirst), retryMost)
	if len(r.serving.ready) > 0 && !r.serving.sleeper.setAside() || r.server.current.Load() != r.snapshot {
		// A target may come back without a new table. A route that the current table does not have comes back without waking
		// those who wait for it as it was.
		left = min(r.interval, left)
	}
	switch err := r.wait(r.place, left); {
	case err == nil, errors.Is(err, errLate):
		return true, nil
	case errors.Is(err, errFull):
		return false, nil
	default:
		return false, err
	}
}

// patience is how long the request may still wait for what is lost since then.
func (r *clientRequest) patience(since, now time.Time) time.Duration {
	if r.lost.IsZero() {
		r.lost = now
	}
	return r.server.config.Hold - max(now.Sub(since), now.Sub(r.lost))
}

// wakeLeft is how long the request may wait for its app to wake. It reports false when that is nothing to wait for.
func (r *clientRequest) wakeLeft(now time.Time) (time.Duration, bool) {
	s := r.serving.sleeper
	if s == nil {
		return 0, false
	}
	wait, ordered := s.wake(r.serving.state, now, r.server.config.Wake)
	if ordered {
		r.server.log.Info("a request wakes an app", "route", r.serving.key)
		r.server.sleeps.poke()
	}
	if !wait {
		return 0, false
	}
	if r.asleep.IsZero() {
		r.asleep = now
	}
	most := r.server.config.Wake
	if r.navigates() {
		most = min(most, pageAfter)
	}
	return most - now.Sub(r.asleep), true
}

// navigates reports that a browser asks for a page to show, which it can be given another of meanwhile.
func (r *clientRequest) navigates() bool {
	q := &r.Exchange.Request
	if q.Method != http.MethodGet || q.Upgrade != "" || !page.ForBrowser(q.Header) {
		return false
	}
	for i := range q.Header {
		if f := &q.Header[i]; header.EqualFold(f.Name, "Sec-Fetch-Mode") {
			return f.Value == "navigate"
		}
	}
	return true
}
