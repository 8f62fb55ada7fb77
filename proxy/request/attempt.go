package request

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"gateway/proxy/balance"
	"gateway/proxy/engine"
	"gateway/proxy/header"
	"gateway/proxy/live"
	"gateway/proxy/route"
)

// maxResent is how often a request that was sent may be sent again.
const maxResent = 2

// errNoTarget says that no target takes requests.
var errNoTarget = errors.New("no target takes requests")

// reach sends the request to one target after the other until one responds or it may not be sent again.
func (r *Request) reach() error {
	last := errNoTarget
	for {
		attempt, found := r.pick()
		if !found && r.forgive() {
			continue
		}
		if !found {
			again, err := r.awaitTarget()
			if err != nil {
				return err
			}
			if !again {
				return last
			}
			continue
		}
		r.leavePlace()
		err := r.roundTrip(attempt)
		if err == nil || !r.retry(err) {
			return err
		}
		r.retries++
		if !errors.Is(err, engine.ErrDeclined) {
			r.renew()
		}
		last = err
	}
}

// forgive makes the targets eligible again whose responses were declined, since no other target could be reached. It
// reports whether there are any.
func (r *Request) forgive() bool {
	if len(r.declined) == 0 {
		return false
	}
	r.tried = slices.DeleteFunc(r.tried, func(t *balance.Target) bool {
		return slices.ContainsFunc(r.declined, func(f live.Failure) bool { return f.Attempt.Target == t })
	})
	r.declined = r.declined[:0]
	return true
}

// pick chooses a target, with sticky sessions the one that the client had before. It chooses none while the app is being
// stopped for sleep.
func (r *Request) pick() (balance.Attempt, bool) {
	if r.route.Sleeper.Stopping() {
		return balance.Attempt{}, false
	}
	g, now := r.route.Group, r.Began
	if r.retries > 0 || r.waited > 0 {
		now = time.Now()
	}
	r.chosen = now
	safe := r.Exchange.Repeatable() && safeMethod(r.Exchange.Request.Method)
	if i, bound := r.bound(); bound && len(r.tried) == 0 {
		if attempt, well := g.Take(i, now, safe); well {
			return attempt, true
		}
	}
	if !g.Sticky() {
		return g.Pick(r.tried, now, safe)
	}
	stays, known := r.stays()
	if known && len(r.tried) == 0 {
		if attempt, well := g.Take(stays, now, safe); well {
			r.Moved = false
			return attempt, true
		}
	}
	attempt, found := g.Pick(r.tried, now, safe)
	r.Moved = found && !(known && attempt.Index == stays)
	return attempt, found
}

// bound returns the target to which the client's connection is bound: the client has authenticated there, and another target
// does not know.
func (r *Request) bound() (int, bool) {
	if !r.Exchange.Pinned(nil) {
		return 0, false
	}
	for i := range r.route.Targets {
		if r.Exchange.Pinned(r.route.Targets[i].Upstream) {
			return i, true
		}
	}
	return 0, false
}

// stays returns the target that the client's cookie names.
func (r *Request) stays() (int, bool) {
	for _, f := range r.Exchange.Request.Header {
		if f.Kind != header.Cookie {
			continue
		}
		if i, found := r.route.Group.ReadCookie(f.Value); found {
			return i, true
		}
	}
	return 0, false
}

// roundTrip sends the request to one target and its response back.
func (r *Request) roundTrip(a balance.Attempt) error {
	defer a.End()
	r.attempt, r.tried = a, append(r.tried, a.Target)
	t := &r.route.Targets[a.Index]
	r.asked = t
	if len(r.route.Targets) > 1 && (a.Others || r.route.Group.Others(r.tried)) {
		r.Exchange.Connect = r.handler.Hurry
	} else {
		r.Exchange.Connect = 0
	}
	err := r.Exchange.Forward(t.Upstream, r.aim(t), r)
	if err != nil {
		r.failed(t, err)
	}
	return err
}

// aim prepares the request for a target and returns the path to send.
func (r *Request) aim(t *live.Target) string {
	r.answeredBy, r.Target = t.Name, r.attempt.Index
	q, path := &r.Exchange.Request, r.Rest
	switch {
	case r.Route.Mount == route.Preserve:
		path = q.Path
	case path == "":
		path = "/"
	}
	m := &r.Mapped
	m.App, m.Secure, m.Host, m.Port, m.Path, m.Asked, m.Routes = t.App, q.Secure, q.Host, r.Port, q.Path, path, r
	return path
}

// Outgoing implements engine.Hooks.
func (r *Request) Outgoing(h *header.Header) { r.Chain.Forward(&r.Request, h) }

// Incoming implements engine.Hooks.
func (r *Request) Incoming(status int, h *header.Header) {
	r.Status, r.Length, r.Own = status, r.Exchange.Length(), false
	if r.Final() {
		r.succeeded()
	}
	r.Chain.Response(&r.Request, h)
}

// Accepts implements engine.Hooks. It declines a server error if the request is safe (RFC 9110 section 9.2.1) and there is
// another target that may do better.
func (r *Request) Accepts(status int) bool {
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return true
	}
	return !safeMethod(r.Exchange.Request.Method) || !r.route.Group.Others(r.tried) || !r.resend()
}

// retry reports whether the request may be sent to another target, or once more to the same.
func (r *Request) retry(err error) bool {
	switch {
	case errors.Is(err, engine.ErrConnect), errors.Is(err, engine.ErrDeclined):
		return true
	case errors.Is(err, engine.ErrResponse) && r.Exchange.Repeatable():
		return r.resend()
	}
	return false
}

// resend reports whether a request that was sent may be sent again, and counts that.
func (r *Request) resend() bool {
	if r.resent >= maxResent || !r.route.Group.Spend() {
		return false
	}
	r.resent++
	return true
}

// safeMethod reports that requests of the method change nothing at the target (RFC 9110 section 9.2.1), and may be sent to
// another one whatever happens.
func safeMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// succeeded notes that the head of the final response arrived.
func (r *Request) succeeded() {
	now := time.Now()
	r.responded = now
	r.route.Outage.End()
	r.asked.Contact.Answered(r.Status)
	if woke := r.route.Sleeper.Answered(now); woke > 0 {
		r.handler.Log.Info("an app woke up", "route", r.route.Key, "took", woke)
	}
	var returned bool
	if r.Status >= http.StatusInternalServerError {
		returned = r.attempt.Errored(now)
	} else {
		returned = r.attempt.Succeeded(now)
	}
	if returned {
		r.handler.Log.Info("a target takes requests again",
			"route", r.route.Key, "target", r.asked.Name, "address", r.asked.Address)
	}
	if r.Status < http.StatusInternalServerError {
		for _, f := range r.declined {
			r.route.Failed(r.handler.Log, f, balance.Wrong)
		}
	}
	r.declined = r.declined[:0]
}

// failed notes a failed attempt, if the target caused it.
func (r *Request) failed(t *live.Target, err error) {
	f := live.Failure{Target: t, Attempt: r.attempt, Err: err}
	switch {
	case errors.Is(err, engine.ErrCanceled), errors.Is(err, engine.ErrUnpinned), errors.Is(err, engine.ErrTimeout) && r.outOfTime():
	case errors.Is(err, engine.ErrConnect):
		r.route.Failed(r.handler.Log, f, balance.Refused)
	case errors.Is(err, engine.ErrResponse), errors.Is(err, engine.ErrTimeout):
		r.route.Failed(r.handler.Log, f, balance.Broken)
	case errors.Is(err, engine.ErrDeclined):
		r.declined = append(r.declined, f)
	}
}

// outOfTime reports that the time of the whole exchange is over, and the target did not take most of it: the client sends
// slowly, or the request waited long.
func (r *Request) outOfTime() bool {
	total := r.handler.Total
	// The exchange began a little earlier than the request.
	if total <= 0 || time.Since(r.Began) < total-total/10 {
		return false
	}
	length := r.Exchange.Request.Length
	return length < 0 || r.Exchange.Received() < length || r.chosen.Sub(r.Began) > total/2
}
