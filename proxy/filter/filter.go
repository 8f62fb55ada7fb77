// Package filter has the middlewares of routes: they act on a request before a target is chosen, on the header that the
// target gets, and on the header and the body of the response. It knows one request and its route at a time, and nothing of
// how targets are chosen, reached or retried. The policy worth stating: the gateway sets the order of filters, in New alone,
// so that no label can put authentication behind what it should protect.
//
// A filter is made once for a route and a table. Its state for one request is in that Request, which is used again, so that
// a filter that does not apply to a request allocates nothing.
package filter

import (
	"slices"

	"gateway/proxy/header"
)

// Filter is one middleware of a route, by its sides. A side that it does not have is nil, and costs requests nothing. All
// sides are called for many requests at once.
type Filter struct {
	// Request sees a request before a target is chosen. It reports whether the request goes on; if not, the filter has
	// answered it, by Request.Refuse, Page, Show or Reply.
	Request func(r *Request) bool
	// Forward edits the header that a target gets, a copy of the client's. It is called for each attempt.
	Forward func(r *Request, h *header.Header)
	// Response edits the header of a response, of which the Request says more: Status, Own and Length. Informational
	// responses (1xx) come here too. For a final one it may put a transformer before its body, by
	// engine.Exchange.Transform.
	Response func(r *Request, h *header.Header)
}

// Chain is the filters of a route. It is immutable and safe for concurrent use.
type Chain struct {
	// Each has the sides that filters have, in the order in which they are called.
	request           []func(*Request) bool
	forward, response []func(*Request, *header.Header)
	// upgrade is one of request, nil when the route redirects nothing to HTTPS.
	upgrade func(*Request) bool
}

// chain makes a Chain of filters, in their order from the client to the target.
func chain(filters ...Filter) *Chain {
	c := new(Chain)
	for _, f := range filters {
		if f.Request != nil {
			c.request = append(c.request, f.Request)
		}
		if f.Forward != nil {
			c.forward = append(c.forward, f.Forward)
		}
		if f.Response != nil {
			c.response = append(c.response, f.Response)
		}
	}
	slices.Reverse(c.response)
	return c
}

// Request calls the request side of the filters, from the first to the last or to the one that answers. It reports whether
// the request goes on.
func (c *Chain) Request(r *Request) bool {
	for _, f := range c.request {
		if !f(r) {
			return false
		}
	}
	return true
}

// Upgrade redirects a request without TLS to HTTPS, as Request does first of all. It reports whether the request goes on.
func (c *Chain) Upgrade(r *Request) bool { return c.upgrade == nil || c.upgrade(r) }

// Forward edits the header that a target gets, from the first filter to the last.
func (c *Chain) Forward(r *Request, h *header.Header) {
	for _, f := range c.forward {
		f(r, h)
	}
}

// Response edits the header of a response, from the last filter to the first.
func (c *Chain) Response(r *Request, h *header.Header) {
	for _, f := range c.response {
		f(r, h)
	}
}
