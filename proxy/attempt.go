package proxy

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"gateway/proxy/balance"
	"gateway/proxy/engine"
	"gateway/proxy/header"
)

// maxResent is how often a request is sent again that was sent already.
const maxResent = 2

// errNobody says that there is no target to ask.
var errNobody = errors.New("no target takes requests")

// reach asks one target after the other until one answers, or until the request may not be sent again.
func (r *clientRequest) reach() error {
	last := errNobody
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

// forgive makes those targets eligible again whose responses were declined in favour of others which then could not be
// reached: what they say is better than nothing. It reports whether there are any.
func (r *clientRequest) forgive() bool {
	if len(r.declined) == 0 {
		return false
	}
	r.tried = slices.DeleteFunc(r.tried, func(m *balance.Member) bool {
		return slices.ContainsFunc(r.declined, func(f failure) bool { return f.attempt.Member == m })
	})
	r.declined = r.declined[:0]
	return true
}

// pick chooses a target: with sticky sessions the one that the client had before. None is chosen while the app is being
// stopped because nobody used it.
func (r *clientRequest) pick() (balance.Attempt, bool) {
	if r.serving.sleeper.setAside() {
		return balance.Attempt{}, false
	}
	g, now := r.serving.group, r.Began
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

// bound returns the target to which the client's connection has one of its own: another target knows nothing of who
// authenticated there.
func (r *clientRequest) bound() (int, bool) {
	if !r.Exchange.Bound(nil) {
		return 0, false
	}
	for i := range r.serving.ready {
		if r.Exchange.Bound(r.serving.ready[i].upstream) {
			return i, true
		}
	}
	return 0, false
}

// stays returns which target the client's cookie names.
func (r *clientRequest) stays() (int, bool) {
	for _, f := range r.Exchange.Request.Header {
		if f.Kind != header.Cookie {
			continue
		}
		if i, found := r.serving.group.ReadCookie(f.Value); found {
			return i, true
		}
	}
	return 0, false
}

// roundTrip sends the request to one target and its response back.
func (r *clientRequest) roundTrip(a balance.Attempt) error {
	defer a.End()
	r.attempt, r.tried = a, append(r.tried, a.Member)
	t := &r.serving.ready[a.Index]
	r.asked = t
	if len(r.serving.ready) > 1 && (a.Others || r.serving.group.Others(r.tried)) {
		r.Exchange.Connect = r.server.config.hurry
	} else {
		r.Exchange.Connect = 0
	}
	err := r.Exchange.Forward(t.upstream, r.aim(t), r)
	if err != nil {
		r.failed(t, err)
	}
	return err
}

// aim prepares to ask a target and returns the path to ask for.
func (r *clientRequest) aim(t *target) string {
	r.answeredBy, r.Target = t.Name, r.attempt.Index
	q, path := &r.Exchange.Request, r.Rest
	switch {
	case !r.serving.strips:
		path = q.Path
	case path == "":
		path = "/"
	}
	m := &r.Mapped
	m.App, m.Secure, m.Host, m.Port, m.Path, m.Asked, m.Routes = t.app, q.Secure, q.Host, r.Port, q.Path, path, r
	return path
}

// Outgoing implements engine.Hooks.
func (r *clientRequest) Outgoing(h *header.Header) { r.Chain.Forward(&r.Request, h) }

// Incoming implements engine.Hooks.
func (r *clientRequest) Incoming(status int, h *header.Header) {
	r.Status, r.Length, r.Own = status, r.Exchange.Length(), false
	if r.Final() {
		r.succeeded()
	}
	r.Chain.Response(&r.Request, h)
}

// Accepts implements engine.Hooks. A response which says that the server failed is not passed on when the request is safe
// (RFC 9110 section 9.2.1) and there is another target that may do better.
func (r *clientRequest) Accepts(status int) bool {
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return true
	}
	return !safeMethod(r.Exchange.Request.Method) || !r.serving.group.Others(r.tried) || !r.resend()
}

// retry reports whether the request may be sent to another target, or once more to the same.
func (r *clientRequest) retry(err error) bool {
	switch {
	case errors.Is(err, engine.ErrConnect), errors.Is(err, engine.ErrDeclined):
		return true
	case errors.Is(err, engine.ErrAnswer) && r.Exchange.Repeatable():
		return r.resend()
	}
	return false
}

// resend reports whether a request that was sent may be sent again, and counts that.
func (r *clientRequest) resend() bool {
	if r.resent >= maxResent || !r.serving.group.Spend() {
		return false
	}
	r.resent++
	return true
}

// safeMethod reports that a request of the method changes nothing at the target (RFC 9110 section 9.2.1): whatever comes
// of it, another may be asked.
func safeMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// succeeded notes that the head of the final response is there.
func (r *clientRequest) succeeded() {
	now := time.Now()
	r.responded = now
	r.serving.outage.end()
	r.asked.contact.answered(r.Status)
	if woke := r.serving.sleeper.answered(now); woke > 0 {
		r.server.log.Info("an app woke up", "route", r.serving.key, "took", woke)
	}
	var returned bool
	if r.Status >= http.StatusInternalServerError {
		returned = r.attempt.Errored(now)
	} else {
		returned = r.attempt.Succeeded(now)
	}
	if returned {
		r.server.log.Info("a target takes requests again",
			"route", r.serving.key, "target", r.asked.Name, "address", r.asked.Address)
	}
	if r.Status < http.StatusInternalServerError {
		for _, f := range r.declined {
			r.serving.failed(r.server.log, f, balance.Wrong)
		}
	}
	r.declined = r.declined[:0]
}

// failed notes what a target did wrong, if it did.
func (r *clientRequest) failed(t *target, err error) {
	f := failure{t, r.attempt, err}
	switch {
	case errors.Is(err, engine.ErrRecalled), errors.Is(err, engine.ErrUnbound), errors.Is(err, engine.ErrTimeout) && r.outOfTime():
	case errors.Is(err, engine.ErrConnect):
		r.serving.failed(r.server.log, f, balance.Refused)
	case errors.Is(err, engine.ErrAnswer), errors.Is(err, engine.ErrTimeout):
		r.serving.failed(r.server.log, f, balance.Broken)
	case errors.Is(err, engine.ErrDeclined):
		r.declined = append(r.declined, f)
	}
}

// outOfTime reports that the time of the whole exchange is over, and that most of it was not the target's: the client sends
// slowly, or the request waited for long.
func (r *clientRequest) outOfTime() bool {
	total := r.server.config.Timeouts.Total
	// The exchange began a little earlier than the request.
	if total <= 0 || time.Since(r.Began) < total-total/10 {
		return false
	}
	length := r.Exchange.Request.Length
	return length < 0 || r.Exchange.Received() < length || r.chosen.Sub(r.Began) > total/2
}

// failure is what went wrong with an attempt.
type failure struct {
	target  *target
	attempt balance.Attempt
	err     error
}

// failed notes a failure, and logs when that takes a target out. As long as it is out, no more is logged.
func (s *serving) failed(log *slog.Logger, f failure, kind balance.Kind) {
	was := f.attempt.Member.Ejected()
	wait := f.attempt.Failed(kind, time.Now())
	if wait == 0 {
		return
	}
	s.traffic.Ejected()
	if kind != balance.Wrong {
		f.target.contact.fault.Store(faultOf(f.target, f.err))
	}
	if was {
		return
	}
	log = log.With("route", s.key, "target", f.target.Name, "address", f.target.Address, "for", wait, "error", f.err)
	if kind == balance.Refused {
		log.Warn("a target does not accept connections")
		return
	}
	log.Warn("a target fails and gets no requests for a while")
}
