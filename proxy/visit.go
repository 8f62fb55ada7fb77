package proxy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/page"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// statusGone is what is noted of a request whose visitor left before the answer; nobody ever receives it.
const statusGone = 499

// visit is one request on its way through the proxy.
type visit struct {
	server   *Server
	snapshot *snapshot
	request  *http.Request
	writer   *traffic.Writer
	id       string
	began    time.Time
	// path is the request's, as it was sent, without the query.
	path string
	// host is the request's in its canonical form.
	host string
	// serving is the route, nil as long as there is none; target the name of the one that answered.
	serving *serving
	target  string
	// status is noted instead of the writer's when it is not 0.
	status int
}

// visit answers one request.
func (s *Server) visit(w http.ResponseWriter, r *http.Request) {
	v := &visit{
		server:   s,
		snapshot: s.current.Load(),
		request:  r,
		writer:   traffic.Watch(w),
		id:       newID(),
		began:    time.Now(),
		path:     targetPath(r.RequestURI),
		host:     route.CanonicalHost(r.Host),
	}
	s.book.Begin()
	defer v.end()
	v.answer()
}

// newID names a request: 128 bits that nobody can guess, without a system call.
func newID() string { return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) }

// targetPath is the escaped path of a request target in origin or absolute form (RFC 9112 section 3.2), byte for byte.
func targetPath(target string) string {
	path, _, _ := strings.Cut(target, "?")
	if strings.HasPrefix(path, "/") {
		return path
	}
	_, rest, absolute := strings.Cut(path, "://")
	if !absolute {
		return path
	}
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		return rest[slash:]
	}
	return "/"
}

// answer finds out who answers.
func (v *visit) answer() {
	switch method := v.request.Method; {
	case method == http.MethodConnect || method == http.MethodTrace:
		v.page(page.BadMethod)
		return
	case method == http.MethodOptions && v.request.RequestURI == "*":
		v.options()
		return
	}
	path, err := route.ParsePath(v.path)
	if err != nil {
		v.page(page.BadRequest)
		return
	}
	if v.snapshot.table == nil {
		v.page(page.Waiting)
		return
	}
	match, found := v.snapshot.table.Match(v.host, path)
	if !found || v.shadowed(match.Route.Prefix, path) {
		v.missing(path)
		return
	}
	v.serving = v.snapshot.serving[match.Route]
	v.serving.traffic.Begin()
	switch {
	case route.Leaves(match.Rest):
		v.page(page.BadRequest)
	case v.wantsSlash(match.Rest):
		v.addSlash()
	default:
		v.serve(match.Rest)
	}
}

// options answers a question about the gateway itself.
func (v *visit) options() {
	h := v.writer.Header()
	h.Set("Allow", page.Allowed)
	h.Set("X-Request-Id", v.id)
	v.writer.WriteHeader(http.StatusNoContent)
}

// shadowed reports that a longer prefix than the one that matches was removed a moment ago.
func (v *visit) shadowed(prefix route.Prefix, path route.Path) bool {
	removed, found := v.snapshot.removed(v.host, path, v.began)
	return found && removed.Prefix.Depth() > prefix.Depth() && v.began.Sub(removed.Until) < goneShadow
}

// missing answers where no route is: with what was there, if it was removed lately.
func (v *visit) missing(path route.Path) {
	removed, found := v.snapshot.removed(v.host, path, v.began)
	if !found {
		v.page(page.NotFound)
		return
	}
	page.Page{
		Kind: page.Gone, RequestID: v.id, Service: removed.Service, Until: removed.Until,
	}.Write(v.writer, v.request)
}

// page answers with one of the gateway's own pages.
func (v *visit) page(kind page.Kind) {
	p := page.Page{Kind: kind, RequestID: v.id}
	if v.serving != nil {
		p.Service = v.serving.route.Service
	}
	p.Write(v.writer, v.request)
}

// wantsSlash reports whether the request is for the prefix itself and should be for what is under it, so that relative
// links work. Upgrades are not redirected, since their clients do not follow.
func (v *visit) wantsSlash(rest string) bool {
	r := v.request
	return rest == "" && !v.serving.slashless.Load() &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Upgrade") == ""
}

// addSlash redirects to the prefix with its slash, with the query byte for byte. It may not be cached for long, since
// the route may be another one tomorrow.
func (v *visit) addSlash() {
	location := v.serving.route.Prefix.Slash()
	if query := strings.IndexByte(v.request.RequestURI, '?'); query >= 0 {
		location += v.request.RequestURI[query:]
	}
	h := v.writer.Header()
	h.Set("Location", location)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Length", "0")
	h.Set("X-Request-Id", v.id)
	v.writer.WriteHeader(http.StatusPermanentRedirect)
}

// end notes the request. It is deferred, so that one that panics or breaks off is noted too.
func (v *visit) end() {
	thrown := recover()
	if err, ok := thrown.(error); thrown != nil && !(ok && errors.Is(err, http.ErrAbortHandler)) {
		v.server.log.Error("a request made the gateway panic", "panic", thrown, "request", v.id, "stack", string(debug.Stack()))
		if v.writer.Status() == 0 {
			v.page(page.Internal)
			thrown = nil
		}
	}
	v.note()
	if thrown != nil {
		panic(http.ErrAbortHandler)
	}
}

func (v *visit) note() {
	v.server.book.End()
	if v.serving == nil {
		return
	}
	status := v.status
	if status == 0 {
		status = v.writer.Status()
	}
	now := time.Now()
	v.serving.traffic.End(now, admin.Request{
		ID:     v.id,
		Time:   v.began,
		Method: v.request.Method,
		Path:   v.path,
		Status: status,
		Target: v.target,
		Millis: float64(now.Sub(v.began).Microseconds()) / 1000,
		Bytes:  v.writer.Bytes(),
	}, v.writer.Streamed())
}
