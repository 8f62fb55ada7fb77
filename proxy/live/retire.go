package live

import (
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/route"
)

// retired is a target that gets no more requests, until what it has is cut off.
type retired struct {
	upstream *engine.Upstream
	until    time.Time
}

// retirement is how a target stops getting requests, which several routes may have sent.
type retirement struct {
	// drain is how long it keeps what it has, 0 or less for any time; less is what its routes say, and 0 that none does.
	drain time.Duration
	// recall cancels requests that wait for it; needed reports that a route has no other.
	recall, needed bool
}

// Release retires the targets to which only the old State sends requests, once the next one is current, and lets requests
// go on that wait for a target. Retired targets keep what they have, for as long as their routes say; but requests that wait
// for one that is gone are cancelled, so that they can be retried elsewhere.
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

// retirements says how each target is retired.
func (c Change) retirements() map[*engine.Upstream]retirement {
	all := make(map[*engine.Upstream]retirement)
	for _, before := range c.old.routes {
		now := c.Next.Lookup(before.Route.Key)
		for i := range before.Targets {
			t := &before.Targets[i]
			if c.Next.upstreams[placeOf(&t.Target)] != nil {
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
func (c Change) retire(at place, upstream *engine.Upstream, r retirement) {
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

// keepRetired remembers the targets that were retired before for as long as they may have requests. Those that wait for one
// that has left the table meanwhile are cancelled.
func (c Change) keepRetired(now time.Time) {
	if len(c.old.retired) == 0 {
		return
	}
	there := c.Next.places()
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

// places are where the targets of the table are, whatever their state.
func (s *State) places() map[place]bool {
	all := map[place]bool{}
	for r := range s.routes {
		for i := range r.Targets {
			all[placeOf(&r.Targets[i])] = true
		}
	}
	return all
}

// drain is how long targets of a route that get no more requests keep what they have.
func (c Change) drain(r *route.Route) time.Duration {
	if r.Drain > 0 {
		return r.Drain
	}
	return c.builder.Drain
}

// stateOf is what became of a target of the route as it was before: Stopped if nobody answers there any more, Draining also
// if the app is another one now, so that what is asked of the old one cannot be asked of it.
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
