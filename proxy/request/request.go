package request

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
	"unsafe"

	"gateway/proxy/balance"
	"gateway/proxy/engine"
	"gateway/proxy/filter"
	"gateway/proxy/limit"
	"gateway/proxy/live"
	"gateway/proxy/page"
	"gateway/proxy/queue"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// StatusGone is noted for a request whose client left before the response. It is never sent.
const StatusGone = 499

// Request is one request. It stays with its exchange and is used again for the next one.
type Request struct {
	// Request is what filters see.
	filter.Request
	progress
	// number is the ID, and digits are its hexadecimal form.
	number [16]byte
	digits [32]byte
	// tried are the targets of all attempts, declined the responses that were not passed on.
	tried    []*balance.Target
	declined []live.Failure
}

// progress is how far a request is.
type progress struct {
	handler *Handler
	state   *live.State
	// account is that of a client behind a trusted proxy, else nil.
	account *limit.Account
	// route is the request's, nil as long as there is none. traffic is that of the route that was found first, even if a later
	// table serves the request.
	route   *live.Route
	traffic *traffic.Route
	// status replaces the response's in logs and metrics when it is not 0.
	status int

	// asked is the target of attempt, the current or the last one. answeredBy is its name as long as the response is its.
	asked      *live.Target
	attempt    balance.Attempt
	answeredBy string
	// retries is how many attempts were made before the last one, resent how many of them had sent the request.
	retries, resent int
	// chosen is when the last target was chosen, responded when the head of its response arrived.
	chosen, responded time.Time

	waiting
}

// waiting is the part of a request for waiting.
type waiting struct {
	// place is that in a queue, as long as the request waits or has the turn.
	place *queue.Place
	// waited is how long it has waited in all, and interval the pause between two attempts.
	waited, interval time.Duration
	// lost is when it first lacked a target, and asleep when it first waited for its app to wake; else zero.
	lost, asleep time.Time
}

// Serve implements engine.Handler. These are the steps of a request: identify the client, count it, answer a challenge or
// with the root certificate, match the route, the filters' request side, the pause, and the targets, whose response passes the filters' response
// side. The last accounts for it.
func (h *Handler) Serve(x *engine.Exchange) {
	plain := !x.Request.Secure // Before a trusted proxy says what its client uses.
	r := h.begin(x)
	defer r.end()
	if r.admit() && !(plain && r.challenge()) && !r.serveRoot() && r.match() && r.Chain.Request(&r.Request) && r.pause() {
		r.forward()
	}
}

// Refuse implements engine.Handler.
func (h *Handler) Refuse(x *engine.Exchange, refused *engine.Refusal) {
	r := h.begin(x)
	defer r.end()
	h.Log.Debug("a request was refused", "request", strings.Clone(r.ID), "status", refused.Status, "reason", refused.Reason)
	r.Page(refusedPage(refused))
}

// begin identifies the client of a request.
func (h *Handler) begin(x *engine.Exchange) *Request {
	r, used := x.Local.(*Request)
	if !used {
		r = new(Request)
		x.Local = r
	}
	r.handler, r.state = h, h.Current.Load()
	r.Exchange, r.Began, r.Chain = x, time.Now(), h.Unrouted
	binary.NativeEndian.PutUint64(r.number[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(r.number[8:], rand.Uint64())
	hex.Encode(r.digits[:], r.number[:])
	r.ID = unsafe.String(&r.digits[0], len(r.digits))
	r.Identify(h.Trusted)
	return r
}

// admit counts a request of a client behind a trusted proxy. It reports whether the request goes on; if not, it is answered.
func (r *Request) admit() bool {
	q := &r.Exchange.Request
	if q.Peer == r.Connection {
		return true
	}
	account, hit := r.handler.Admission.Claim(q.Addr, q.Peer)
	if r.account = account; hit == limit.None {
		return true
	}
	r.Page(page.TooMany)
	return false
}

// match finds the route of the request. It reports whether the request goes on; if not, it is answered.
func (r *Request) match() bool {
	q := &r.Exchange.Request
	switch {
	case q.Method == http.MethodConnect || q.Method == http.MethodTrace:
		r.Page(page.BadMethod)
		return false
	case q.Method == http.MethodOptions && q.Target == "*":
		r.Reply(http.StatusNoContent, "Allow", page.Allowed)
		return false
	}
	path, err := route.ParsePath(q.Path)
	if err != nil {
		r.Page(page.BadRequest)
		return false
	}
	if !r.directed() {
		return false
	}
	for !r.find(path) {
		if !r.awaitTable(path) {
			if r.allowed() {
				r.missing(path)
			}
			return false
		}
	}
	if !r.allowed() {
		return false
	}
	switch {
	case route.Leaves(r.Rest):
		r.Page(page.BadRequest)
	case r.evades(path):
		r.Page(page.Ambiguous)
	default:
		return true
	}
	return false
}

// find finds the route of the request in its state, if there is one.
func (r *Request) find(path route.Path) bool {
	if r.state.Table == nil {
		return false
	}
	match, found := r.state.Table.Match(r.Host, path)
	if !found || r.state.Shadows(r.Host, path, match.Route.Prefix, r.Began) {
		return false
	}
	r.follow(r.state, r.state.Of(match.Route))
	r.Rest = match.Rest
	r.traffic = r.route.Traffic
	r.traffic.Begin()
	return true
}

// follow goes on with the route of a State.
func (r *Request) follow(s *live.State, to *live.Route) {
	r.state, r.route = s, to
	r.Table, r.Route, r.Chain = s.Table, to.Route, to.Chain
}

// missing answers a request without a route, with the route that was removed there recently, if there is one.
func (r *Request) missing(path route.Path) {
	switch {
	case r.status != 0:
		// The client left.
		return
	case r.state.Table == nil:
		r.Page(page.Waiting)
		return
	}
	p := page.Page{Kind: page.NotFound}
	if g, found := r.state.Tombstone(r.Host, path, r.Began); found {
		to, moved := r.state.MovedTo(g, r.Host)
		switch {
		case to != nil:
			p.Kind, p.Service, p.Moved = page.Moved, g.App(), to.Prefix.Slash()
		case !moved:
			p.Kind, p.Service, p.Until = page.Gone, g.App(), g.Until
		}
	}
	r.Show(p)
}

// end accounts for a request. It is deferred, so that it runs after a panic too.
func (r *Request) end() {
	if thrown := recover(); thrown != nil {
		r.handler.Log.Error("a request made the gateway panic",
			"panic", thrown, "request", strings.Clone(r.ID), "stack", string(debug.Stack()))
		if r.Exchange.Began() {
			r.Exchange.Abort()
		} else {
			// A filter may have panicked.
			r.Chain = r.handler.Unrouted
			r.Page(page.Internal)
		}
	}
	// After a panic, the request may still have it.
	r.leavePlace()
	r.record()
	if r.account != nil {
		r.account.Release()
	}
	r.reset()
}

// reset clears the request for the next one, so that it keeps no table alive. Its memory stays.
func (r *Request) reset() {
	r.Request.Reset()
	// Behind their ends are those that did not count any more.
	clear(r.tried[:cap(r.tried)])
	clear(r.declined[:cap(r.declined)])
	r.tried, r.declined = r.tried[:0], r.declined[:0]
	r.progress = progress{}
}

// record notes the request in the traffic of its route and in the access log.
func (r *Request) record() {
	status := r.status
	if status == 0 {
		status = r.Exchange.Status()
	}
	if r.traffic == nil {
		r.traffic = r.handler.Traffic.Unrouted()
		r.traffic.Begin()
	}
	took := time.Since(r.Began)
	// The line is there before the request counts.
	if r.handler.AccessLog != nil {
		r.log(status, took)
	}
	r.traffic.End(&traffic.Request{
		ID:       r.number,
		Method:   r.Exchange.Request.Method,
		Path:     r.Exchange.Request.Path,
		Target:   r.answeredBy,
		Status:   status,
		Began:    r.Began,
		Took:     took,
		Received: r.Exchange.Received(),
		Sent:     r.Exchange.Bytes(),
		Retries:  r.retries,
		Refused:  r.Refused,
		Streamed: r.Exchange.Streamed(),
	})
}

// statePages are the pages of routes that are not ready.
var statePages = map[route.State]page.Kind{
	route.Ready:     page.Starting, // Ready, and its address is not known yet.
	route.Starting:  page.Starting,
	route.Unhealthy: page.Unhealthy,
	route.Draining:  page.Draining,
	route.Crashing:  page.Crashing,
	route.Stopped:   page.Stopped,
	route.Expired:   page.Expired,
	route.Waking:    page.Waking,
	route.Asleep:    page.Waking,
}

// forward sends the request to the route's targets, or answers why none responds.
func (r *Request) forward() {
	if s := r.route.Sleeper; s != nil {
		s.Enter(r.Began)
		defer func() { s.Leave(time.Now()) }()
	}
	r.route.Group.Earn()
	err := r.reach()
	r.leavePlace()
	switch {
	case err == nil:
	case errors.Is(err, errNoTarget), errors.Is(err, engine.ErrConnect) && (r.route.State != route.Ready || r.lostPage() == page.Waking):
		r.answeredBy = ""
		r.Page(r.lostPage())
	default:
		r.fail(err)
	}
}

// fail answers a request that failed, if its client is still there.
func (r *Request) fail(err error) {
	if errors.Is(err, engine.ErrDisconnected) {
		r.abandon()
		return
	}
	r.handler.Log.Debug("a request was not answered",
		"route", r.route.Key, "request", strings.Clone(r.ID), "retries", r.retries, "error", err)
	if errors.Is(err, filter.ErrLargeBody) {
		r.Refused = traffic.ByBodyMax
	}
	if errors.Is(err, engine.ErrBroken) {
		return
	}
	r.answeredBy = ""
	r.Page(failurePage(err))
}

// abandon ends a request whose client left.
func (r *Request) abandon() {
	if r.Exchange.Status() == 0 {
		r.status = StatusGone
	}
	r.Exchange.Abort()
}

// failurePage is the page for a failed exchange.
func failurePage(err error) page.Kind {
	switch {
	case errors.Is(err, filter.ErrLargeBody):
		return page.LargeBody
	case errors.Is(err, engine.ErrLength):
		return page.NoLength
	case errors.Is(err, engine.ErrRequest):
		return page.BadRequest
	case errors.Is(err, engine.ErrTimeout):
		return page.Slow
	case errors.Is(err, engine.ErrConnect):
		return page.Unreachable
	}
	return page.Broken
}

// refusedPage is the page for what the engine refused.
func refusedPage(r *engine.Refusal) page.Kind {
	switch r.Status {
	case http.StatusTooManyRequests:
		return page.TooMany
	case http.StatusServiceUnavailable:
		return page.Crowded
	}
	return page.Refused(r.Status)
}

// lostPage is the page for a route without a target that takes requests.
func (r *Request) lostPage() page.Kind {
	s := r.route
	switch {
	case s.State != route.Crashing && s.State != route.Unhealthy && s.Sleeper.Waking(time.Now(), r.handler.Wake):
		return page.Waking
	case s.State == route.Asleep && s.Sleeper.Failed():
		return page.Unwoken
	case len(s.Targets) > 0:
		// A ready target that takes no requests fails its checks.
		return page.Unhealthy
	}
	return statePages[s.State]
}
