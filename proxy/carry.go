package proxy

import (
	"errors"
	"net/url"
	"strings"

	"gateway/proxy/engine"
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
func (v *visit) serve() {
	first, found := v.serving.choose(nil)
	if !found {
		v.page(statePages[v.serving.state])
		return
	}
	err := v.carry(first)
	if errors.Is(err, engine.ErrConnect) {
		v.renew()
		if second, found := v.serving.choose(&first); found {
			err = v.carry(second)
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
func (v *visit) carry(t target) error {
	t.load.inflight.Add(1)
	defer t.load.inflight.Add(-1)
	err := v.exchange.Forward(t.load.upstream, v.aim(t), v)
	v.server.watch(v.serving.route, t, err)
	return err
}

// aim prepares to ask a target and returns the path to ask for.
func (v *visit) aim(t target) string {
	v.target = t.Name
	r := &v.exchange.Request
	if !v.serving.maps {
		return r.Path
	}
	v.mapped.Prefix, v.mapped.Scheme, v.mapped.Host = v.serving.route.Prefix, schemeOf(r.Secure), r.Host
	v.mapped.Target, v.mapped.Others = t.Address, v
	if v.rest == "" {
		return "/"
	}
	return v.rest
}

// watch logs when a target stops to accept connections and when it accepts them again, and not each request between.
func (s *Server) watch(r *route.Route, t target, err error) {
	failing := err != nil && errors.Is(err, engine.ErrConnect)
	if !failing && err != nil || t.load.failing.Load() == failing || t.load.failing.Swap(failing) == failing {
		return
	}
	facts := []any{"route", r.Key.String(), "target", t.Name, "address", t.Address}
	if failing {
		s.log.Warn("a target does not accept connections", append(facts, "error", err)...)
		return
	}
	s.log.Info("a target accepts connections again", facts...)
}

// fail answers when no target did, if there is anybody to answer to.
func (v *visit) fail(err error) {
	if errors.Is(err, engine.ErrGone) {
		if v.exchange.Status() == 0 {
			v.status = statusGone
		}
		v.exchange.Abort()
		return
	}
	v.server.log.Debug("a request was not answered",
		"route", v.serving.route.Key.String(), "request", strings.Clone(v.id), "error", err)
	if errors.Is(err, engine.ErrBroken) {
		return
	}
	v.target = ""
	v.page(failurePage(err))
}

// failurePage is what a visitor gets when an exchange failed.
func failurePage(err error) page.Kind {
	switch {
	case errors.Is(err, engine.ErrRequest):
		return page.BadRequest
	case errors.Is(err, engine.ErrTimeout):
		return page.Slow
	case errors.Is(err, engine.ErrConnect):
		return page.Unreachable
	}
	return page.Broken
}

// Own implements mapping.Others.
func (v *visit) Own(path string) bool {
	parsed, err := route.ParsePath(path)
	if err != nil {
		return false
	}
	match, found := v.snapshot.table.Match(v.host, parsed)
	return found && match.Route != v.serving.route && !match.Route.Prefix.Root()
}

// redirectsToPrefix reports whether an answer to prefix/ leads to prefix, which the gateway would redirect back.
func (v *visit) redirectsToPrefix(location string) bool {
	to, err := url.Parse(location)
	if location == "" || err != nil {
		return false
	}
	r, prefix := &v.exchange.Request, v.serving.route.Prefix
	to = (&url.URL{Scheme: schemeOf(r.Secure), Host: r.Host, Path: prefix.Slash()}).ResolveReference(to)
	path, err := route.ParsePath(to.EscapedPath())
	return err == nil && route.CanonicalHost(to.Host) == v.host && path.Normal == prefix.String()
}
