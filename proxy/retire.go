package proxy

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

// farewell is how a target is let go of, which several routes may have had.
type farewell struct {
	// drain is how long it keeps what it has, 0 or less for any time; less is what its routes say, and 0 that none does.
	drain time.Duration
	// recall reports that what waits for it should not; needed that a route has no other.
	recall, needed bool
}

// upstream returns the one that the old snapshot has, or a new one. One that was let go of and comes back in time loses
// nothing.
func (c succession) upstream(at place) *engine.Upstream {
	u := c.old.upstreams[at]
	if u == nil {
		u = c.old.retired[at].upstream
	}
	if u == nil {
		return c.engine.Upstream(engine.Scheme(at.scheme), at.address)
	}
	u.Drain(0)
	return u
}

// release lets go of the targets that only the old snapshot sends requests to, once the next one is current, and lets
// those go on who wait for a target. They keep what they have, for as long as their route says; but what waits for one
// that is no more is given up, so that it can go elsewhere.
func (c succession) release() {
	farewells := c.farewells()
	for at, upstream := range c.old.upstreams {
		if c.next.upstreams[at] == nil {
			c.retire(at, upstream, farewells[upstream])
		}
	}
	c.keepRetired(time.Now())
	for key, before := range c.old.serving {
		if c.next.servingOf(key.Key) == nil {
			before.outage.release()
		}
	}
	for _, r := range c.next.serving {
		before := c.old.servingOf(r.route.Key)
		if len(r.ready) > 0 || r.sleeper != nil && before != nil && before.state != r.state {
			r.outage.release()
		}
	}
}

// farewells says how each target is let go of.
func (c succession) farewells() map[*engine.Upstream]farewell {
	all := make(map[*engine.Upstream]farewell)
	for _, before := range c.old.serving {
		now := c.next.servingOf(before.route.Key)
		for _, t := range before.ready {
			if c.next.upstreams[place{t.Scheme, t.Address}] != nil {
				continue
			}
			f := all[t.upstream]
			switch now.fate(before, t) {
			case route.Unhealthy:
				f.recall, f.needed = true, f.needed || len(now.ready) == 0
			case route.Stopped, route.Expired, route.Crashing, route.Asleep:
				f.recall, f.drain = true, longest(f.drain, c.drain(before.route))
			default:
				f.drain = longest(f.drain, c.drain(before.route))
			}
			all[t.upstream] = f
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

// retire lets go of one target.
func (c succession) retire(at place, upstream *engine.Upstream, f farewell) {
	if f.recall && !f.needed {
		upstream.Recall()
	}
	upstream.Drain(f.drain)
	if f.drain <= 0 {
		upstream.Close()
		return
	}
	c.next.retired[at] = retired{upstream, time.Now().Add(f.drain)}
}

// keepRetired remembers those who were let go of before for as long as they may have anything. What waits for one that
// has left the table meanwhile is given up.
func (c succession) keepRetired(now time.Time) {
	if len(c.old.retired) == 0 {
		return
	}
	there := c.next.places()
	for at, r := range c.old.retired {
		switch {
		case c.next.upstreams[at] != nil:
		case now.After(r.until):
			r.upstream.Close()
		default:
			if !there[at] {
				r.upstream.Recall()
			}
			c.next.retired[at] = r
		}
	}
}

// places are where the targets of the table are, whatever their state.
func (s *snapshot) places() map[place]bool {
	all := map[place]bool{}
	for r := range s.serving {
		for _, t := range r.Targets {
			all[place{t.Scheme, t.Address}] = true
		}
	}
	return all
}

// drain is how long targets of a route that get no more requests keep what they have.
func (c succession) drain(r *route.Route) time.Duration {
	if r.Drain > 0 {
		return r.Drain
	}
	return c.config.Drain
}

// fate is what became of a target of the route as it was before: Stopped if nobody answers there any more, Draining also
// if the app is another one now, so that what is asked of the old one cannot be asked of it.
func (s *serving) fate(before *serving, t target) route.State {
	if s == nil || s.route.Service != before.route.Service || s.route.Project != before.route.Project {
		return route.Draining
	}
	for i := range s.route.Targets {
		if now := &s.route.Targets[i]; now.ID == t.ID && now.Address == t.Address {
			return now.State
		}
	}
	return route.Stopped
}
