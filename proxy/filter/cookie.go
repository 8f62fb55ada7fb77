package filter

import (
	"slices"

	"gateway/proxy/balance"
	"gateway/proxy/header"
)

// cookie keeps the cookie of sticky sessions between the client and the gateway.
type cookie struct {
	Pass
	group  *balance.Group
	prefix string
}

// Forward implements Filter.
func (cookie) Forward(_ *Request, h *header.Header) {
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

// Response implements Filter.
func (c cookie) Response(r *Request, h *header.Header) {
	if r.Moved && !r.Own && r.Final() {
		h.Append(header.SetCookie, "Set-Cookie", c.group.SetCookie(r.Target, c.prefix, r.Exchange.Request.Secure))
	}
}
