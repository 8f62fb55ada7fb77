package live

import (
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/route"
)

// retired is a target that gets no new requests. Those it has are cut off at until.
type retired struct {
	upstream *engine.Upstream
	until    time.Time
}

// retirement is how a target retires, by all routes that sent it requests.
type retirement struct {
	// drain is how long it keeps its requests. Less than 0 is for any time, and 0 is not set.
	drain time.Duration
	// recall cancels requests that wait for its response; needed reports that a route has no other target.
	recall, needed bool
}

// Release retires the targets to which only the old State sends requests, and releases requests that wait for a target. It
// is called once Next is current. Retired targets keep their requests for the drain time of their routes; but requests that
// wait for the response of a target that is gone are cancelled, so that they can be retried elsewhere.
func (c Change) Release() {
	retirements := c.retirements()
	for at, upstream := range c.old.upstreams {
		if c.Next.upstreams[at] == nil {
			c.retire(at, upstream, retirements[upstream])
		}
	}
	c.keepRetired(time.Now())
	for _, before := range c.old.routes {
		if c.Next.Lookup(before.Route.Key) == nil {
			before.Outage.Release()
		}
	}
	for _, r := range c.Next.routes {
		before := c.old.Lookup(r.Route.Key)
		if len(r.Targets) > 0 || r.Sleeper != nil && before != nil && before.State != r.State {
			r.Outage.Release()
		}
	}
}

// retirements returns how each target retires.
func (c Change) retirements() map[*engine.Upstream]retirement {
	all := make(map[*engine.Upstream]retirement)
	for _, before := range c.old.routes {
		now := c.Next.Lookup(before.Route.Key)
		for i := range before.Targets {
			t := &before.Targets[i]
			if c.Next.upstreams[endpointOf(&t.Target)] != nil {
				continue
			}
			f := all[t.Upstream]
			switch now.stateOf(before, t) {
			case route.Unhealthy:
				f.recall, f.needed = true, f.needed || len(now.Targets) == 0
			case route.Stopped, route.Expired, route.Crashing, route.Asleep:
				f.recall, f.drain = true, longest(f.drain, c.drain(before.Route))
			default:
				f.drain = longest(f.drain, c.drain(before.Route))
			}
			all[t.Upstream] = f
		}
	}
	return all
}

// longest is the longer of two drains.
func longest(a, b time.Duration) time.Duration {
	if a < 0 || b < 0 {
		return -1
	}
	return max(a, b)
}

// retire retires one target.
func (c Change) retire(at endpoint, upstream *engine.Upstream, r retirement) {
	if r.recall && !r.needed {
		upstream.Cancel()
	}
	upstream.Drain(r.drain)
	if r.drain <= 0 {
		upstream.Close()
		return
	}
	c.Next.retired[at] = retired{upstream, time.Now().Add(r.drain)}
}

// keepRetired keeps the targets that were retired before for as long as they may have requests. Requests that wait for the
// response of one that has left the table meanwhile are cancelled.
func (c Change) keepRetired(now time.Time) {
	if len(c.old.retired) == 0 {
		return
	}
	there := c.Next.endpoints()
	for at, r := range c.old.retired {
		switch {
		case c.Next.upstreams[at] != nil:
		case now.After(r.until):
			r.upstream.Close()
		default:
			if !there[at] {
				r.upstream.Cancel()
			}
			c.Next.retired[at] = r
		}
	}
}

// endpoints are those of all targets of the table, whatever their state.
func (s *State) endpoints() map[endpoint]bool {
	all := map[endpoint]bool{}
	for r := range s.routes {
		for i := range r.Targets {
			all[endpointOf(&r.Targets[i])] = true
		}
	}
	return all
}

// drain is how long retired targets of a route keep their requests.
func (c Change) drain(r *route.Route) time.Duration {
	if r.Drain > 0 {
		return r.Drain
	}
	return c.builder.Drain
}

// stateOf is the state now of a target that the route had before: Stopped if it is gone, and Draining also if the app is
// another one now, to which requests to the old one must not go.
func (r *Route) stateOf(before *Route, t *Target) route.State {
	if r == nil || r.Route.Service != before.Route.Service || r.Route.Project != before.Route.Project {
		return route.Draining
	}
	for i := range r.Route.Targets {
		if now := &r.Route.Targets[i]; now.ID == t.ID && now.Address == t.Address {
			return now.State
		}
	}
	return route.Stopped
}
