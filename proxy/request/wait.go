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
	// retryFirst and retryMost are the pauses before a request tries targets again that could not be reached, at first and at
	// most: a target may accept connections again without a new table.
	retryFirst = 50 * time.Millisecond
	retryMost  = 500 * time.Millisecond
	// pageAfter is how long a browser waits for an app to wake before it gets the page that reloads itself.
	pageAfter = time.Second
)

var (
	// errFull says that the request cannot wait: the queue is full, or the gateway ends.
	errFull = errors.New("no place in the queue")
	// errLate says that the turn of a request did not come in time.
	errLate = errors.New("its turn did not come in time")
)

// wait waits in a place for its turn, for that long at most, and then goes on with the current table. The request leaves the
// place when it has chosen its target. The error is errFull or errLate; any other means that the request is over, since
// the client left or its time is up.
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

// leavePlace leaves the queue, when the request has chosen its target or gives up.
func (r *Request) leavePlace() {
	if r.place != nil {
		r.place.Leave()
		r.place = nil
	}
}

// renew goes on with the route of the current table, if it still has the route. It reports whether the table is another one
// than before.
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
		r.Page(page.Expired) // Neither waiting nor the end of a pause helps.
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

// awaitTable waits for another table if the current one lost the route recently, as while a project is redeployed, or if
// there is none yet. It returns false when the request should not wait, or no longer.
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
		// The release that this request waits for may have come already.
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
	// It may be the same one, since its release also wakes requests that have seen it.
	r.state = h.Current.Load()
	return true
}

// awaitTarget waits until there may be a target again. It returns false when the request has waited for Hold, the outage has
// lasted that long already, or the gateway ends. An error means that the request is over.
func (r *Request) awaitTarget() (again bool, err error) {
	r.leavePlace()
	// The place comes first, so that it is released by any change from now on.
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
		// A target may come back without a new table. A route that the current table lacks comes back without a release of the
		// requests that wait in its old state.
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

// patience is how long the request may still wait for what was lost then.
func (r *Request) patience(since, now time.Time) time.Duration {
	if r.lost.IsZero() {
		r.lost = now
	}
	return r.handler.Hold - max(now.Sub(since), now.Sub(r.lost))
}

// wakeLeft is how long the request may still wait for its app to wake. It reports false when the app does not wake.
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

// navigates reports that a browser loads a page, which can be a waiting page meanwhile.
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
