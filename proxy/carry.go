package proxy

import (
	"errors"
	"net/url"
	"slices"
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
	route.Crashing:  page.Crashing,
	route.Stopped:   page.Stopped,
	route.Expired:   page.Expired,
	route.Waking:    page.Waking,
	route.Asleep:    page.Waking,
}

// serve has one of the route's targets answer, or says why none does.
func (v *visit) serve() {
	if v.serving.state == route.Expired {
		v.page(page.Expired) // Waiting does not help, nor does the end of a pause.
		return
	}
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
	if s := v.serving.sleeper; s != nil {
		s.enter(v.began)
		defer func() { s.leave(time.Now()) }()
	}
	v.serving.group.Earn()
	err := v.way.reach()
	v.way.leavePlace()
	switch {
	case err == nil:
	case errors.Is(err, errNobody), errors.Is(err, engine.ErrConnect) && (v.serving.state != route.Ready || v.lostPage() == page.Waking):
		v.target = ""
		v.page(v.lostPage())
	default:
		v.fail(err)
	}
}

// aim prepares to ask a target and returns the path to ask for.
func (v *visit) aim(t *target) string {
	v.target = t.Name
	r, asked := &v.exchange.Request, v.rest
	switch {
	case !v.serving.strips:
		asked = r.Path
	case asked == "":
		asked = "/"
	}
	m := &v.mapped
	m.App, m.Secure, m.Host, m.Port, m.Path, m.Asked, m.Routes = t.app, r.Secure, r.Host, v.port, r.Path, asked, v
	return asked
}

// copiesElsewhere reports that the request is to copy or move a resource to another project (RFC 4918 sections 9.8 and 9.9).
func (v *visit) copiesElsewhere() bool {
	r := &v.exchange.Request
	if r.Method != "COPY" && r.Method != "MOVE" {
		return false
	}
	v.mapped.Host, v.mapped.Port, v.mapped.Routes = r.Host, v.port, v
	return v.mapped.Strays(r.Header)
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
		"route", v.serving.route.Key.String(), "request", strings.Clone(v.id), "retries", v.way.retries, "error", err)
	if errors.Is(err, engine.ErrBroken) {
		return
	}
	v.target = ""
	v.page(failurePage(err))
}

// failurePage is what a client gets when an exchange failed.
func failurePage(err error) page.Kind {
	switch {
	case errors.Is(err, errLarge):
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

// Foreign implements mapping.Routes. Of two routes that lead to the target which answers, the one that the client came by
// has all its paths.
func (v *visit) Foreign(path string) bool {
	parsed, err := route.ParsePath(path)
	if err != nil {
		return false
	}
	match, found := v.snapshot.table.Match(v.host, parsed)
	return found && !match.Route.Prefix.Root() && !v.leadsHere(match.Route)
}

// Inner implements mapping.Routes. The app may have several routes: each path is that of its own.
func (v *visit) Inner(path string) (string, bool) {
	parsed, err := route.ParsePath(path)
	if err != nil {
		return "", false
	}
	match, found := v.snapshot.table.Match(v.host, parsed)
	switch {
	case !found || !v.leadsHere(match.Route) || route.Leaves(match.Rest):
		return "", false
	case match.Route.Mount == route.Preserve:
		return path, true
	case match.Rest == "":
		return "/", true
	}
	return match.Rest, true
}

// leadsHere reports whether a route leads to the service of the request, at the same address.
func (v *visit) leadsHere(r *route.Route) bool {
	return r == v.serving.route || r.SameService(v.serving.route) && slices.ContainsFunc(r.Targets, func(t route.Target) bool {
		return t.Address != "" && slices.ContainsFunc(v.serving.ready, func(mine target) bool { return mine.Address == t.Address })
	})
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
