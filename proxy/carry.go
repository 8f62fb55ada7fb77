package proxy

import (
	"errors"
	"net/http"
	"net/url"

	"gateway/proxy/forward"
	"gateway/proxy/mapping"
	"gateway/proxy/page"
	"gateway/proxy/route"
)

// statePages are the answers of routes that are not ready.
var statePages = map[route.State]page.Kind{
	route.Ready:     page.Starting, // Ready, and its address is not known yet.
	route.Starting:  page.Starting,
	route.Unhealthy: page.Unhealthy,
	route.Draining:  page.Draining,
	route.Stopped:   page.Stopped,
}

// serve has one of the route's targets answer. When the first cannot be reached, one other is tried, and when none
// can, the table in force by then says why: a target that is gone is no target that fails.
func (v *visit) serve(rest string) {
	first, found := v.serving.choose(nil)
	if !found {
		v.page(statePages[v.serving.state])
		return
	}
	err := v.carry(first, rest)
	if errors.Is(err, forward.ErrConnect) {
		v.renew()
		if second, found := v.serving.choose(&first); found {
			err = v.carry(second, rest)
		} else if v.serving.state != route.Ready {
			v.target = ""
			v.page(statePages[v.serving.state])
			return
		}
	}
	if err != nil {
		v.fail(err)
	}
}

// renew goes on with what the table in force now has for the route, if it still has it.
func (v *visit) renew() {
	now := v.server.current.Load()
	if now == v.snapshot || now.table == nil {
		return
	}
	if r := now.table.Lookup(v.serving.route.Key); r != nil {
		v.snapshot, v.serving = now, now.serving[r]
	}
}

// carry sends the request to one target and its answer back.
func (v *visit) carry(t target, rest string) error {
	t.load.inflight.Add(1)
	defer t.load.inflight.Add(-1)
	v.target = t.Name
	m := v.mapping(t)
	err := v.server.engine.Forward(v.writer, v.request, &forward.Exchange{
		Scheme:   t.Scheme,
		Address:  t.Address,
		Path:     v.upstreamPath(rest),
		Outgoing: func(h http.Header) { v.outgoing(h, m) },
		Incoming: func(status int, h http.Header) { v.incoming(status, h, rest, m) },
	})
	v.watch(t, err)
	return err
}

// upstreamPath is what the app is asked for.
func (v *visit) upstreamPath(rest string) string {
	switch {
	case v.serving.route.Mount == route.Preserve:
		return v.path
	case rest == "":
		return "/"
	}
	return rest
}

// watch logs when a target stops to accept connections and when it accepts them again, and not each request between.
func (v *visit) watch(t target, err error) {
	failing := errors.Is(err, forward.ErrConnect)
	if !failing && err != nil || t.load.failing.Swap(failing) == failing {
		return
	}
	facts := []any{"route", v.serving.route.Key.String(), "target", t.Name, "address", t.Address}
	if failing {
		v.server.log.Warn("a target does not accept connections", append(facts, "error", err)...)
		return
	}
	v.server.log.Info("a target accepts connections again", facts...)
}

// fail answers when no target did.
func (v *visit) fail(err error) {
	if errors.Is(err, forward.ErrGone) {
		v.status = statusGone
		// Not even an empty answer may end up looking like the app's.
		panic(http.ErrAbortHandler)
	}
	v.server.log.Debug("a request was not answered", "route", v.serving.route.Key.String(), "request", v.id, "error", err)
	v.target = ""
	switch {
	case errors.Is(err, forward.ErrRequest):
		v.page(page.BadRequest)
	case errors.Is(err, forward.ErrTimeout):
		v.page(page.Slow)
	case errors.Is(err, forward.ErrConnect):
		v.page(page.Unreachable)
	default:
		v.page(page.Broken)
	}
}

// mapping is how the app's addresses look to this visitor, nil for an app that knows them.
func (v *visit) mapping(t target) *mapping.Map {
	if v.serving.route.Mount == route.Preserve {
		return nil
	}
	return &mapping.Map{
		Prefix:    v.serving.route.Prefix,
		Scheme:    schemeOf(v.request),
		Host:      v.request.Host,
		Target:    t.Address,
		Elsewhere: v.elsewhere,
	}
}

// elsewhere reports that a path belongs to another route than the visit's, the one at "/" not counted.
func (v *visit) elsewhere(path string) bool {
	parsed, err := route.ParsePath(path)
	if err != nil {
		return false
	}
	match, found := v.snapshot.table.Match(v.host, parsed)
	return found && match.Route != v.serving.route && !match.Route.Prefix.Root()
}

// schemeOf is what the visitor uses.
func schemeOf(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// incoming edits the head of the app's answer.
func (v *visit) incoming(status int, h http.Header, rest string, m *mapping.Map) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		h.Set("X-Request-Id", v.id)
	}
	if m != nil {
		m.Response(h)
		return
	}
	if rest == "/" && status >= 300 && status < 400 && v.redirectsToPrefix(h.Get("Location")) {
		v.serving.slashless.Store(true)
	}
}

// redirectsToPrefix reports whether an answer to prefix/ leads to prefix, which the gateway would redirect back.
func (v *visit) redirectsToPrefix(location string) bool {
	to, err := url.Parse(location)
	if location == "" || err != nil {
		return false
	}
	prefix := v.serving.route.Prefix
	to = (&url.URL{Scheme: schemeOf(v.request), Host: v.request.Host, Path: prefix.Slash()}).ResolveReference(to)
	path, err := route.ParsePath(to.EscapedPath())
	return err == nil && route.CanonicalHost(to.Host) == v.host && path.Normal == prefix.String()
}
