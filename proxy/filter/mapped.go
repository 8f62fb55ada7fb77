package filter

import (
	"gateway/proxy/header"
	"gateway/proxy/page"
)

// mapped translates the URLs in header fields between the client's view and the app's. It is next to the target, so that
// other filters see the client's URLs alone.
var mapped = Filter{
	Forward: func(r *Request, h *header.Header) { r.Mapped.Request(h) },
	Response: func(r *Request, h *header.Header) {
		if !r.Own {
			r.Mapped.Response(h)
		}
	},
}

// destination refuses to copy or move a resource to another project (RFC 4918 sections 9.8 and 9.9), whose URL the app would
// take for one of its own.
var destination = Filter{Request: staysInProject}

func staysInProject(r *Request) bool {
	q := &r.Exchange.Request
	if q.Method != "COPY" && q.Method != "MOVE" {
		return true
	}
	r.Mapped.Host, r.Mapped.Port, r.Mapped.Routes = q.Host, r.Port, r
	if !r.Mapped.ForeignDestination(q.Header) {
		return true
	}
	r.Page(page.Elsewhere)
	return false
}
