package filter

import (
	"slices"

	"gateway/proxy/balance"
	"gateway/proxy/header"
	"gateway/proxy/route"
)

// cookie sets the cookie of sticky sessions, and hides it from the app.
type cookie struct {
	group  *balance.Group
	prefix string
}

func newCookie(r *route.Route, group *balance.Group) Filter {
	c := cookie{group, r.Prefix.String()}
	if !group.Sticky() {
		return Filter{Forward: c.forward}
	}
	return Filter{Forward: c.forward, Response: c.response}
}

// forward keeps the cookie from the app, on all routes: the browser sends it to those below the prefix too.
func (cookie) forward(_ *Request, h *header.Header) {
	empty := false
	for i := range *h {
		if f := &(*h)[i]; f.Kind == header.Cookie {
			f.Value = balance.StripCookies(f.Value)
			empty = empty || f.Value == ""
		}
	}
	if empty {
		*h = slices.DeleteFunc(*h, func(f header.Field) bool { return f.Kind == header.Cookie && f.Value == "" })
	}
}

func (c cookie) response(r *Request, h *header.Header) {
	if r.Moved && !r.Own && r.Final() {
		h.Append(header.SetCookie, "Set-Cookie", c.group.SetCookie(r.Target, c.prefix, r.Exchange.Request.Secure))
	}
}
