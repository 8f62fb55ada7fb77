package proxy

import (
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
	"unsafe"

	"gateway/proxy/engine"
	"gateway/proxy/header"
	"gateway/proxy/limit"
	"gateway/proxy/mapping"
	"gateway/proxy/page"
	"gateway/proxy/peer"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// statusGone is what is noted of a request whose client left before the answer; nobody ever receives it.
const statusGone = 499

// visit is one request on its way through the proxy. It stays with its exchange and is used again for the next request.
type visit struct {
	server   *Server
	snapshot *snapshot
	exchange *engine.Exchange
	began    time.Time
	// id has 128 bits that nobody can guess. It is what digits holds, so it is borrowed as what the exchange has is.
	id     string
	digits [32]byte
	// peer is the address of the connection, which is another than the client's behind a trusted proxy; trail is what
	// that says then. lines and chain are memory.
	peer  string
	trail peer.Trail
	// account is the client's own behind a trusted proxy, else nil.
	account *limit.Account
	lines   []string
	chain   []byte
	// port is what a trusted proxy says of the client's, empty if none says it.
	port string
	// host is the request's in its canonical form.
	host string
	// serving is the route, nil as long as there is none; target the name of the one that answered.
	serving *serving
	target  string
	// figures are those of the route that was found, whatever table serves the request in the end.
	figures *traffic.Route
	// rest is what is asked for below the prefix.
	rest string
	// mapped says how the app's addresses look to this client, if the route's are mapped.
	mapped mapping.Map
	// status is noted instead of the answer's when it is not 0; cause is why the gateway itself answered.
	status int
	cause  page.Kind
	// way is the request's to a target.
	way delivery
}

// visitors answers what the engine receives.
type visitors struct{ server *Server }

// Serve implements engine.Handler.
func (d visitors) Serve(x *engine.Exchange) {
	v := d.server.enter(x)
	defer v.leave()
	if v.claim() {
		v.answer()
	}
}

// Refuse implements engine.Handler.
func (d visitors) Refuse(x *engine.Exchange, r *engine.Refusal) {
	v := d.server.enter(x)
	defer v.leave()
	d.server.log.Debug("a request was refused", "request", strings.Clone(v.id), "status", r.Status, "reason", r.Reason)
	v.page(refusedPage(r))
}

// enter begins a visit.
func (s *Server) enter(x *engine.Exchange) *visit {
	v, used := x.Local.(*visit)
	if !used {
		v = new(visit)
		x.Local = v
		v.way.visit = v
	}
	v.server, v.snapshot, v.exchange, v.began = s, s.current.Load(), x, time.Now()
	writeHex(v.digits[:16], rand.Uint64())
	writeHex(v.digits[16:], rand.Uint64())
	v.id = unsafe.String(&v.digits[0], len(v.digits))
	v.identify()
	return v
}

// writeHex writes 16 digits.
func writeHex(to []byte, n uint64) {
	const digits = "0123456789abcdef"
	for i := range 16 {
		to[i] = digits[n>>60]
		n <<= 4
	}
}

// answer finds out who answers.
func (v *visit) answer() {
	r := &v.exchange.Request
	switch {
	case r.Method == http.MethodConnect || r.Method == http.MethodTrace:
		v.page(page.BadMethod)
		return
	case r.Method == http.MethodOptions && r.Target == "*":
		v.reply(http.StatusNoContent, "Allow", page.Allowed)
		return
	}
	path, err := route.ParsePath(r.Path)
	if err != nil {
		v.page(page.BadRequest)
		return
	}
	for !v.find(path) {
		if !v.awaitTable(path) {
			v.missing(path)
			return
		}
	}
	switch {
	case route.Leaves(v.rest):
		v.page(page.BadRequest)
	case v.evades(path):
		v.page(page.Ambiguous)
	case v.lastHop():
		v.reply(http.StatusNoContent, "Allow", page.Allowed)
	case v.serving.route.Redirect != "":
		v.redirect()
	case v.wantsSlash():
		v.addSlash()
	case v.copiesElsewhere():
		v.page(page.Elsewhere)
	case v.admit():
		v.serve()
	}
}

// find looks for the route of the request.
func (v *visit) find(path route.Path) bool {
	v.host = route.CanonicalHost(v.exchange.Request.Host)
	if v.snapshot.table == nil {
		return false
	}
	match, found := v.snapshot.table.Match(v.host, path)
	if !found || v.snapshot.shadows(v.host, path, match.Route.Prefix, v.began) {
		return false
	}
	v.serving, v.rest = v.snapshot.serving[match.Route], match.Rest
	v.figures = v.serving.traffic
	v.figures.Begin()
	return true
}

// missing answers where no route is: with what was there, if it was removed lately.
func (v *visit) missing(path route.Path) {
	switch {
	case v.status != 0:
		// The client left.
		return
	case v.snapshot.table == nil:
		v.page(page.Waiting)
		return
	}
	p := page.Page{Kind: page.NotFound, RequestID: v.id}
	if g, found := v.snapshot.tombstone(v.host, path, v.began); found {
		to, moved := v.snapshot.movedTo(g, v.host)
		switch {
		case to != nil:
			p.Kind, p.Service, p.Moved = page.Moved, g.app(), to.Prefix.Slash()
		case !moved:
			p.Kind, p.Service, p.Until = page.Gone, g.app(), g.Until
		}
	}
	v.show(p)
}

// page answers with one of the gateway's own pages.
func (v *visit) page(kind page.Kind) {
	p := page.Page{Kind: kind, RequestID: v.id}
	if v.serving != nil {
		r := v.serving.route
		p.Service, p.Owner, p.Project = v.serving.app(), r.Owner, r.Project
		if kind == page.Expired {
			p.Until = r.Expires
		}
	}
	v.show(p)
}

func (v *visit) show(p page.Page) {
	v.cause = p.Kind
	r := &v.exchange.Request
	status, h, body := p.Render(r.Method, r.Header)
	// It fails when the client is gone, who then needs no answer.
	_ = v.exchange.Reply(status, h, body)
}

// reply answers with a header alone: names, each followed by its value.
func (v *visit) reply(status int, fields ...string) {
	var h header.Header
	for i := 0; i < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	h.Append(header.Forged, requestID, v.id)
	// As above.
	_ = v.exchange.Reply(status, h, nil)
}

// wantsSlash reports whether the request is for the prefix itself and should be for what is under it, so that relative
// links work. Upgrades are not redirected, since their clients do not follow.
func (v *visit) wantsSlash() bool {
	r := &v.exchange.Request
	return v.rest == "" && !v.serving.slashless.Load() &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Upgrade == ""
}

// addSlash redirects to the prefix with its slash, with the query byte for byte. It may not be cached for long, since
// the route may be another one tomorrow.
func (v *visit) addSlash() {
	location := v.serving.route.Prefix.Slash() + v.exchange.Request.Query
	v.reply(http.StatusPermanentRedirect, "Location", location, "Cache-Control", "no-cache")
}

// redirect sends the client where the route leads, with what follows the prefix and the query byte for byte. It may not be
// cached for long, since the route may be another one tomorrow.
func (v *visit) redirect() {
	to := v.serving.route.Redirect
	if path, err := route.ParsePath(to); err == nil {
		if next, found := v.snapshot.table.Match(v.host, path); found && next.Route == v.serving.route {
			v.page(page.NotFound) // It leads to itself, for want of the route that it was to lead to.
			return
		}
	}
	if v.rest != "" {
		to = strings.TrimSuffix(to, "/") + v.rest
	}
	if v.serving.route.Redirect == "/" {
		// A browser takes what follows two slashes for a host.
		to = "/" + strings.TrimLeft(to, `/\`)
	}
	v.reply(http.StatusPermanentRedirect, "Location", to+v.exchange.Request.Query, "Cache-Control", "no-cache")
}

// leave ends a visit and notes it. It is deferred, so that one that panics is noted too.
func (v *visit) leave() {
	if thrown := recover(); thrown != nil {
		v.server.log.Error("a request made the gateway panic",
			"panic", thrown, "request", strings.Clone(v.id), "stack", string(debug.Stack()))
		if v.exchange.Began() {
			v.exchange.Abort()
		} else {
			v.page(page.Internal)
		}
	}
	// It may still be there after a panic.
	v.way.leavePlace()
	v.note()
	if v.account != nil {
		v.account.Release()
		v.account = nil
	}
	// What is not in use keeps no table alive.
	v.snapshot, v.serving, v.figures, v.exchange = nil, nil, nil, nil
	v.host, v.target, v.rest, v.status, v.cause, v.peer = "", "", "", 0, "", ""
	v.trail, v.port = peer.Trail{}, ""
	clear(v.lines)
	v.way.reset()
	v.mapped.Reset()
}

func (v *visit) note() {
	status := v.status
	if status == 0 {
		status = v.exchange.Status()
	}
	if v.figures == nil {
		v.figures = v.server.book.Stray()
		v.figures.Begin()
	}
	took := time.Since(v.began)
	// Whoever sees it counted finds its line.
	if v.server.config.AccessLog != nil {
		v.log(status, took)
	}
	v.figures.End(&traffic.Request{
		ID:       v.id,
		Method:   v.exchange.Request.Method,
		Path:     v.exchange.Request.Path,
		Target:   v.target,
		Status:   status,
		Began:    v.began,
		Took:     took,
		Received: v.exchange.Received(),
		Sent:     v.exchange.Bytes(),
		Retries:  v.way.retries,
		Streamed: v.exchange.Streamed(),
	})
}
