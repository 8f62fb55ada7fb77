package filter

import (
	"gateway/proxy/header"
	"gateway/proxy/page"
)

// mapped translates the addresses in header fields between what the client and the app call them. It stands next to the
// target, so that other filters see the client's addresses alone.
var mapped = Filter{
	Forward: func(r *Request, h *header.Header) { r.Mapped.Request(h) },
	Response: func(r *Request, h *header.Header) {
		if !r.Own {
			r.Mapped.Response(h)
		}
	},
}

// destination answers requests to copy or move a resource to another project (RFC 4918 sections 9.8 and 9.9): the app would
// take the address for one of its own.
var destination = Filter{Request: staysInProject}

func staysInProject(r *Request) bool {
	q := &r.Exchange.Request
	if q.Method != "COPY" && q.Method != "MOVE" {
		return true
	}
	r.Mapped.Host, r.Mapped.Port, r.Mapped.Routes = q.Host, r.Port, r
	if !r.Mapped.Strays(q.Header) {
		return true
	}
	r.Page(page.Elsewhere)
	return false
}
