package filter

import (
	"sync/atomic"

	"gateway/proxy/balance"
	"gateway/proxy/limit"
	"gateway/proxy/route"
)

// Options is what the filters of one route are made of.
type Options struct {
	Route *route.Route
	// Rates bound the requests of each client: those of the gateway and of the route. Either may be nil. Memory is theirs.
	Rates  [2]*limit.Rate
	Memory *limit.Memory
	// BodyMax is the most bytes of a request body, 0 for any number.
	BodyMax int64
	// Group has the sticky cookies.
	Group *balance.Group
	// Compressors are those of the gateway, for a route that is compressed.
	Compressors *Compressors
	// Slashless is set when the app redirects prefix/ back to prefix. It outlives the filters.
	Slashless *atomic.Bool
	// Forwarded adds a Forwarded field (RFC 7239) to requests. Via is the name of the gateway in the Via fields that it
	// adds, empty for none.
	Forwarded bool
	Via       string
}

// New makes the filters of a route. This is their order, from the client to the target; on the way back it is reversed.
func New(o Options) Chain {
	var c Chain
	if o.Rates != ([2]*limit.Rate{}) {
		c = append(c, rate{rates: o.Rates, memory: o.Memory})
	}
	c = append(c, maxForwards{})
	if o.Route.Redirect != "" {
		c = append(c, redirect{})
	}
	c = append(c, slash{learnt: o.Slashless}, destination{})
	if o.BodyMax > 0 {
		c = append(c, bodyMax{most: o.BodyMax})
	}
	if o.Route.Compress {
		c = append(c, compress{with: o.Compressors})
	}
	if len(o.Route.ResponseHeaders) > 0 {
		c = append(c, responseHeaders{edits: o.Route.ResponseHeaders})
	}
	c = append(c, cookie{group: o.Group, prefix: o.Route.Prefix.String()}, forwarded{prefix: prefixOf(o.Route), field: o.Forwarded}, requestID{})
	if o.Via != "" {
		c = append(c, via{name: o.Via})
	}
	return append(c, mapped{})
}

// Default is the filters of requests without a route.
var Default = Chain{requestID{}}

// prefixOf is the prefix that X-Forwarded-Prefix names: that of an app that does not know where it is mounted, empty for "/".
func prefixOf(r *route.Route) string {
	if r.Mount == route.Preserve || r.Prefix.Root() {
		return ""
	}
	return r.Prefix.String()
}
