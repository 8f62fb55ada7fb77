package request

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
func (r *Request) wait(place *queue.Place, most time.Duration) error {
	r.place = place
	if place == nil || r.handler.Pauses.Ending() {
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
func (r *Request) leavePlace() {
	if r.place != nil {
		r.place.Leave()
		r.place = nil
	}
}

// renew goes on with what the current table has for the route, if it still has it. It reports whether that is another
// table than before.
func (r *Request) renew() bool {
	now := r.handler.Current.Load()
	if now == r.state || now.Table == nil || r.route == nil {
		return false
	}
	to := now.Table.Lookup(r.route.Route.Key)
	if to == nil {
		return false
	}
	r.follow(now, now.Of(to))
	return true
}

// pause waits while the route is paused. It reports whether the request goes on; if not, it is answered.
func (r *Request) pause() bool {
	if r.route.State == route.Expired {
		r.Page(page.Expired) // Waiting does not help, nor does the end of a pause.
		return false
	}
	p := r.handler.Pauses.Of(r.route.Route.Key, r.Began)
	if p == nil {
		return true
	}
	err := errFull
	if patience := p.Patience(); patience > 0 {
		err = r.wait(p.Join(), patience)
	}
	switch {
	case err == nil && !r.handler.Pauses.Ending():
		return true
	case errors.Is(err, engine.ErrDisconnected):
		r.abandon()
	default:
		r.leavePlace()
		r.Show(page.Page{Kind: page.Paused, Message: p.Message()})
	}
	return false
}

// awaitTable waits for another table where the current one lost the route a moment ago, as while a project is made again,
// or where there was none yet. It returns false when there is nothing to wait for, or no longer.
func (r *Request) awaitTable(path route.Path) bool {
	h := r.handler
	since := h.Started
	if r.state.Table != nil {
		removed, found := r.state.RemovedRoute(r.Host, path, r.Began)
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
	place := h.Tables.Join()
	if h.Current.Load() != r.state {
		// Whoever was to wake this request may have done so already.
		left = time.Nanosecond
	}
	switch err := r.wait(place, left); {
	case err == nil, errors.Is(err, errLate):
	case errors.Is(err, engine.ErrDisconnected):
		r.abandon()
		return false
	default:
		return false
	}
	// It may be the same one: its own release wakes requests that saw it before that.
	r.state = h.Current.Load()
	return true
}

// awaitTarget waits until it is worth to look for a target again. It returns false when the request has waited for as
// long as it may, or the outage lasts for longer already, or the gateway ends. An error says that the request is over.
func (r *Request) awaitTarget() (again bool, err error) {
	r.leavePlace()
	// The place comes first: what changes from now on releases it.
	r.place = r.route.Outage.Join()
	now := time.Now()
	left := r.patience(r.route.Outage.Begin(now), now)
	if waking, waits := r.wakeLeft(now); waits {
		left = waking
	}
	if left <= 0 {
		return false, nil
	}
	r.tried = r.tried[:0]
	if r.place != nil && r.renew() {
		return true, nil
	}
	r.interval = min(max(2*r.interval, retryFirst), retryMost)
	if len(r.route.Targets) > 0 && !r.route.Sleeper.Stopping() || r.handler.Current.Load() != r.state {
		// A target may come back without a new table. A route that the current table does not have comes back without waking
		// the requests that wait for it as it was.
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
func (r *Request) patience(since, now time.Time) time.Duration {
	if r.lost.IsZero() {
		r.lost = now
	}
	return r.handler.Hold - max(now.Sub(since), now.Sub(r.lost))
}

// wakeLeft is how long the request may wait for its app to wake. It reports false when that is nothing to wait for.
func (r *Request) wakeLeft(now time.Time) (time.Duration, bool) {
	s := r.route.Sleeper
	if s == nil {
		return 0, false
	}
	wait, ordered := s.Wake(r.route.State, now, r.handler.Wake)
	if ordered {
		r.handler.Log.Info("a request wakes an app", "route", r.route.Key)
		r.handler.Orders.Poke()
	}
	if !wait {
		return 0, false
	}
	if r.asleep.IsZero() {
		r.asleep = now
	}
	most := r.handler.Wake
	if r.navigates() {
		most = min(most, pageAfter)
	}
	return most - now.Sub(r.asleep), true
}

// navigates reports that a browser asks for a page to show, which it can be given another of meanwhile.
func (r *Request) navigates() bool {
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
