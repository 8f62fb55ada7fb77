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
	"gateway/proxy/queue"
)

// mostResent is how often a request is sent again that was sent already.
const mostResent = 2

// delivery is a request on its way to the targets of its route. It is a part of its visit.
type delivery struct {
	*visit
	// tried are the targets that were asked, attempt the one under way or the last.
	tried   []*balance.Member
	attempt balance.Attempt
	// asked is the target of attempt.
	asked *target
	// declined are the answers that were not passed on.
	declined []failure
	// retries is how many attempts came before the last one, resent how many of them had sent the request.
	retries, resent int
	// place is the request's in the line, as long as it waits or has the turn; waited is how long it did, and pause how
	// long it does between two attempts.
	place         *queue.Place
	waited, pause time.Duration
	// lost is since when it misses a target, zero as long as it does not; aimed is when it chose the last one.
	lost, aimed time.Time
	// sleepy is since when it waits for its app to wake, zero if it does not.
	sleepy time.Time
	// moved reports that the client is to have another cookie.
	moved bool
	// answer is when the head of the answer came.
	answer time.Time
}

// reset makes the delivery ready for another request; what it has in memory stays.
func (d *delivery) reset() {
	// Behind their ends are those that did not count any more.
	clear(d.tried[:cap(d.tried)])
	clear(d.declined[:cap(d.declined)])
	*d = delivery{visit: d.visit, tried: d.tried[:0], declined: d.declined[:0]}
}

// errNobody says that there is no target to ask.
var errNobody = errors.New("no target takes requests")

// reach asks one target after the other until one answers, or until the request may not be sent again.
func (d *delivery) reach() error {
	last := errNobody
	for {
		var attempt balance.Attempt
		found := false
		if !d.serving.sleeper.setAside() {
			attempt, found = d.pick()
		}
		if !found && d.forgive() {
			continue
		}
		if !found {
			again, err := d.awaitTarget()
			if err != nil {
				return err
			}
			if !again {
				return last
			}
			continue
		}
		d.leavePlace()
		err := d.carry(attempt)
		if err == nil || !d.again(err) {
			return err
		}
		d.retries++
		if !errors.Is(err, engine.ErrDeclined) {
			d.renew()
		}
		last = err
	}
}

// forgive has those targets asked once more whose answers were declined in favour of others which then could not be
// reached: what they say is better than nothing. It reports whether there are any.
func (d *delivery) forgive() bool {
	if len(d.declined) == 0 {
		return false
	}
	d.tried = slices.DeleteFunc(d.tried, func(m *balance.Member) bool {
		return slices.ContainsFunc(d.declined, func(f failure) bool { return f.attempt.Member == m })
	})
	d.declined = d.declined[:0]
	return true
}

// pick chooses a target: with sticky sessions the one that the client had before.
func (d *delivery) pick() (balance.Attempt, bool) {
	g, now := d.serving.group, d.began
	if d.retries > 0 || d.waited > 0 {
		now = time.Now()
	}
	d.aimed = now
	safe := d.exchange.Repeatable() && safeMethod(d.exchange.Request.Method)
	if i, bound := d.bound(); bound && len(d.tried) == 0 {
		if attempt, well := g.Take(i, now, safe); well {
			return attempt, true
		}
	}
	if !g.Sticky() {
		return g.Pick(d.tried, now, safe)
	}
	stays, known := d.stays()
	if known && len(d.tried) == 0 {
		if attempt, well := g.Take(stays, now, safe); well {
			d.moved = false
			return attempt, true
		}
	}
	attempt, found := g.Pick(d.tried, now, safe)
	d.moved = found && !(known && attempt.Index == stays)
	return attempt, found
}

// bound returns the target to which the client's connection has one of its own: another target knows nothing of who
// authenticated there.
func (d *delivery) bound() (int, bool) {
	if !d.exchange.Bound(nil) {
		return 0, false
	}
	for i := range d.serving.ready {
		if d.exchange.Bound(d.serving.ready[i].upstream) {
			return i, true
		}
	}
	return 0, false
}

// stays returns which target the client's cookie names.
func (d *delivery) stays() (int, bool) {
	for _, f := range d.exchange.Request.Header {
		if f.Kind != header.Cookie {
			continue
		}
		if i, found := d.serving.group.ReadCookie(f.Value); found {
			return i, true
		}
	}
	return 0, false
}

// carry sends the request to one target and its answer back.
func (d *delivery) carry(a balance.Attempt) error {
	defer a.End()
	d.attempt, d.tried = a, append(d.tried, a.Member)
	t := &d.serving.ready[a.Index]
	d.asked = t
	if len(d.serving.ready) > 1 && (a.Others || d.serving.group.Others(d.tried)) {
		d.exchange.Connect = d.server.config.hurry
	} else {
		d.exchange.Connect = 0
	}
	err := d.exchange.Forward(t.upstream, d.aim(t), d)
	if err != nil {
		d.record(t, err)
	}
	return err
}

// record notes what a target did wrong, if it did.
func (d *delivery) record(t *target, err error) {
	f := failure{t, d.attempt, err}
	switch {
	case errors.Is(err, engine.ErrRecalled), errors.Is(err, engine.ErrUnbound), errors.Is(err, engine.ErrTimeout) && spent(d):
	case errors.Is(err, engine.ErrConnect):
		d.serving.failed(d.server.log, f, balance.Refused)
	case errors.Is(err, engine.ErrAnswer), errors.Is(err, engine.ErrTimeout):
		d.serving.failed(d.server.log, f, balance.Broken)
	case errors.Is(err, engine.ErrDeclined):
		d.declined = append(d.declined, f)
	}
}

// spent reports that the time of the whole exchange is over, and that most of it was not the target's: the client sends
// slowly, or the request waited for long.
func spent(d *delivery) bool {
	total := d.server.config.Timeouts.Total
	// The exchange began a little earlier than the visit.
	if total <= 0 || time.Since(d.began) < total-total/10 {
		return false
	}
	length := d.exchange.Request.Length
	return length < 0 || d.exchange.Received() < length || d.aimed.Sub(d.began) > total/2
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

// again reports whether the request may be sent to another target, or once more to the same.
func (d *delivery) again(err error) bool {
	switch {
	case errors.Is(err, engine.ErrConnect), errors.Is(err, engine.ErrDeclined):
		return true
	case errors.Is(err, engine.ErrAnswer) && d.exchange.Repeatable():
		return d.resend()
	}
	return false
}

// resend reports whether a request that was sent may be sent again, and counts that.
func (d *delivery) resend() bool {
	if d.resent >= mostResent || !d.serving.group.Spend() {
		return false
	}
	d.resent++
	return true
}

// Accepts implements engine.Hooks. An answer which says that the server failed is not passed on when the request is safe
// (RFC 9110 section 9.2.1) and there is another target that may do better.
func (d *delivery) Accepts(status int) bool {
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return true
	}
	return !safeMethod(d.exchange.Request.Method) || !d.serving.group.Others(d.tried) || !d.resend()
}

// safeMethod reports that a request of the method changes nothing at the target (RFC 9110 section 9.2.1): whatever comes of it,
// another may be asked.
func safeMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// answered notes that the head of the final answer is there.
func (d *delivery) answered(status int) {
	now := time.Now()
	d.answer = now
	d.serving.outage.end()
	d.asked.contact.answered(status)
	if woke := d.serving.sleeper.answered(now); woke > 0 {
		d.server.log.Info("an app woke up", "route", d.serving.key, "took", woke)
	}
	var returned bool
	if status >= http.StatusInternalServerError {
		returned = d.attempt.Errored(now)
	} else {
		returned = d.attempt.Succeeded(now)
	}
	if returned {
		d.server.log.Info("a target takes requests again",
			"route", d.serving.key, "target", d.asked.Name, "address", d.asked.Address)
	}
	if status < http.StatusInternalServerError {
		for _, f := range d.declined {
			d.serving.failed(d.server.log, f, balance.Wrong)
		}
	}
	d.declined = d.declined[:0]
}
