package proxy

import (
	"errors"
	"net/url"
	"strings"
	"time"

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

// serve has one of the route's targets answer, or says why none does.
func (v *visit) serve() {
	if p := v.server.pauses.paused(v.serving.route.Key, v.began); p != nil {
		came := time.Now()
		place, held := v.hold(p)
		v.way.waited += time.Since(came)
		if !held {
			return
		}
		v.way.place = place
		v.way.renew()
	}
	v.serving.group.Earn()
	err := v.way.reach()
	v.way.leavePlace()
	switch {
	case err == nil:
	case errors.Is(err, errNobody), errors.Is(err, engine.ErrConnect) && v.serving.state != route.Ready:
		v.target = ""
		v.page(statePages[v.serving.lostState()])
	default:
		v.fail(err)
	}
}

// aim prepares to ask a target and returns the path to ask for.
func (v *visit) aim(t *target) string {
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
	case errors.Is(err, errLarge):
		return page.LargeBody
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
