package filter

import (
	"sync/atomic"

	"gateway/proxy/balance"
	"gateway/proxy/limit"
	"gateway/proxy/route"
)

// Options configure the filters of one route.
type Options struct {
	Route *route.Route
	// Rates limit the requests of each client: that of the gateway and that of the route. Either may be nil. Memory is theirs.
	Rates  [2]*limit.Rate
	Memory *limit.Memory
	// BodyMax is the most bytes of a request body, 0 for no limit.
	BodyMax int64
	// Group makes the sticky cookies.
	Group *balance.Group
	// Compressors are those of the gateway, for a route with compression.
	Compressors *Compressors
	// Slashless is set when the app redirects prefix/ back to prefix. It outlives the filters.
	Slashless *atomic.Bool
	// Forwarded adds a Forwarded field (RFC 7239) to requests. Via is the name of the gateway in the Via fields that it
	// adds, empty for none.
	Forwarded bool
	Via       string
	// HTTPS may be nil.
	HTTPS *HTTPS
}

// New makes the filters of a route. This is their order, from the client to the target; on the way back it is reversed. A
// filter that the route does not use has no side.
func New(o Options) *Chain {
	upgrade := newUpgrade(o.Route, o.HTTPS)
	c := chain(
		newHSTS(o.HTTPS),
		Filter{Request: upgrade},
		newRate(o.Rates, o.Memory),
		maxForwards,
		newRedirect(o.Route),
		newSlash(o.Route, o.Slashless),
		destination,
		newBodyMax(o.BodyMax),
		newCompress(o.Route, o.Compressors),
		newResponseHeaders(o.Route.ResponseHeaders),
		newCookie(o.Route, o.Group),
		newForwarded(o.Route, o.Forwarded),
		requestID,
		newVia(o.Via),
		mapped,
	)
	c.upgrade = upgrade
	return c
}

// Unrouted makes the filters of requests without a route. HTTPS may be nil.
func Unrouted(https *HTTPS) *Chain { return chain(newHSTS(https), requestID) }
