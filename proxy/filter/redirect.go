package filter

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"gateway/proxy/header"
	"gateway/proxy/page"
	"gateway/proxy/route"
)

func newRedirect(r *route.Route) Filter {
	if r.Redirect == "" {
		return Filter{}
	}
	return Filter{Request: redirect}
}

// redirect redirects to where the route leads, with the rest of the path and the query byte for byte. The response must be
// revalidated, since the route may change.
func redirect(r *Request) bool {
	to := r.Route.Redirect
	if path, err := route.ParsePath(to); err == nil {
		if next, found := r.Table.Match(r.Host, path); found && next.Route == r.Route {
			r.Page(page.NotFound) // It leads to itself, since its target route is missing.
			return false
		}
	}
	if r.Rest != "" {
		to = strings.TrimSuffix(to, "/") + r.Rest
	}
	if r.Route.Redirect == "/" {
		// Browsers take two slashes for the start of a host.
		to = "/" + strings.TrimLeft(to, `/\`)
	}
	r.Reply(http.StatusPermanentRedirect, "Location", to+r.Exchange.Request.Query, "Cache-Control", "no-cache")
	return false
}

// slash redirects from a prefix to the prefix with its slash, with the query byte for byte, so that relative links work. The
// response must be revalidated, since the route may change. It does not redirect for an app that redirects the other way:
// that would never end.
type slash struct {
	learnt *atomic.Bool
}

func newSlash(r *route.Route, learnt *atomic.Bool) Filter {
	s := slash{learnt}
	if r.Mount != route.Preserve {
		return Filter{Request: s.request}
	}
	return Filter{Request: s.request, Response: s.response}
}

// request does not redirect upgrades, whose clients do not follow.
func (s slash) request(r *Request) bool {
	q := &r.Exchange.Request
	if r.Rest != "" || s.learnt.Load() || q.Method != http.MethodGet && q.Method != http.MethodHead || q.Upgrade != "" {
		return true
	}
	r.Reply(http.StatusPermanentRedirect, "Location", r.Route.Prefix.Slash()+q.Query, "Cache-Control", "no-cache")
	return false
}

// response notices that an app which knows its prefix redirects away from the slash.
func (s slash) response(r *Request, h *header.Header) {
	if r.Own || r.Rest != "/" || r.Status < 300 || r.Status >= 400 {
		return
	}
	if location, _ := h.First(header.Location); redirectsToPrefix(r, location) {
		s.learnt.Store(true)
	}
}

// redirectsToPrefix reports whether a location leads to the prefix without a slash, which the gateway would redirect back.
func redirectsToPrefix(r *Request, location string) bool {
	to, err := url.Parse(location)
	if location == "" || err != nil {
		return false
	}
	q, prefix := &r.Exchange.Request, r.Route.Prefix
	to = (&url.URL{Scheme: schemeOf(q.Secure), Host: q.Host, Path: prefix.Slash()}).ResolveReference(to)
	path, err := route.ParsePath(to.EscapedPath())
	return err == nil && route.CanonicalHost(to.Host) == r.Host && path.Normal == prefix.String()
}
