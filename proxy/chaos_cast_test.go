package proxy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"gateway/proxy/route"
)

// checkPath is what is asked for to check a replica.
const checkPath = "/well"

// cast is an app with the replicas that play it.
type cast struct {
	name   string
	scheme route.Scheme
	policy route.Policy
	// change is what happens to a slot, next.
	change func(*slot) []step
	// quiet reports that all changes are such that no request of any kind may fail.
	// repeats reports that at least those that may be sent again never fail, as long as the budget lasts.
	quiet, repeats bool
	// waits reports that there are times in which requests wait.
	waits bool
	// rests is for how many ticks nothing happens to a slot in between.
	rests int
	slots []*slot
	// all are the replicas that there ever were.
	all []*replica
	*show
}

// slot is the place of one replica, and of the one that is to follow it.
type slot struct {
	*cast
	rng       *rand.Rand
	now, next entry
	// script is what is still to be done, and until holds when it is time for that.
	script []step
	until  func() bool
	// rested is for how many ticks nothing was done.
	rested int
}

// entry is a replica and what the table says of it.
type entry struct {
	*replica
	state route.State
}

// step does something, and returns what has to hold before the next one.
type step func() func() bool

// hire starts a replica with that id, or with a new one.
func (s *slot) hire(id string) entry {
	name := fmt.Sprintf("%s-%d", s.name, len(s.all))
	if id == "" {
		id = name
	}
	r := launch(s.t, s.book, route.Target{ID: id, Name: name, Scheme: s.scheme}, s.rng.Uint64())
	s.book.note(func() { s.all = append(s.all, r) })
	return entry{r, route.Starting}
}

// ticks waits for at least one tick and up to that many.
func (s *slot) ticks(most int) func() bool {
	left := 1 + s.rng.IntN(most)
	return func() bool { left--; return left <= 0 }
}

// quietened waits until all requests have ended that began before the current table.
func (s *slot) quietened() func() bool {
	var since time.Time
	return func() bool {
		if since.IsZero() {
			since = s.swapped
		}
		return s.book.quietSince(since)
	}
}

// emptied waits until no replica has anything to do: all requests wait, and did so a tick ago.
func (s *slot) emptied() func() bool {
	before := false
	return func() bool {
		serving := s.current.Load().Lookup(s.key())
		waiting := serving.Outage.Waiting()
		now := s.running.traffic.Route(serving.Key).Counts().Inflight == int64(waiting) && waiting == serving.Outage.Waiting()
		defer func() { before = now }()
		return now && before
	}
}

// key is that of the app's route.
func (c *cast) key() route.Key {
	key, err := route.ParseKey("/" + c.name)
	if err != nil {
		c.t.Error(err)
	}
	return key
}

// act does the next step when it is time.
func (s *slot) act() {
	if s.until != nil && !s.until() {
		return
	}
	s.until = nil
	if len(s.script) == 0 {
		s.rested++
		if s.rested > s.rests && s.rng.IntN(3) == 0 && (s.quiet || len(s.slots) == 1 || s.spare()) {
			s.script, s.rested = s.change(s), 0
		}
		return
	}
	next := s.script[0]
	s.script = s.script[1:]
	s.until = next()
}

// spare reports that another slot has a replica that was always well and will be for now.
func (s *slot) spare() bool {
	return slices.ContainsFunc(s.slots, func(o *slot) bool {
		return o != s && o.rested > 1 && len(o.now.harm) == 0 && o.now.state == route.Ready
	})
}

// set changes what the table says.
func (s *slot) set(state route.State, until func() bool) step {
	return func() func() bool { s.now.state = state; return until }
}

// turns changes the conduct.
func (s *slot) turns(to conduct, until func() bool) step {
	return func() func() bool { s.now.turn(to); return until }
}

// replaced begins the next one before the last one ends, which gets no new requests until then.
func (s *slot) replaced(ends func() bool) []step {
	gone := route.State("")
	if s.rng.IntN(2) == 0 {
		gone = route.Draining
	}
	return []step{
		func() func() bool { s.next = s.hire(""); return s.ticks(2) },
		func() func() bool { s.next.state, s.now.state = route.Ready, gone; return ends },
		func() func() bool {
			s.now.turn(isDead)
			s.now, s.next = s.next, entry{}
			return s.ticks(2)
		},
	}
}

// startFirst replaces a replica that finishes what it has.
func startFirst(s *slot) []step { return s.replaced(s.quietened()) }

// stopFirst ends a replica that has finished what it has, and begins the next one then.
func stopFirst(s *slot) []step {
	return append([]step{
		s.set([]route.State{route.Draining, route.Stopped}[s.rng.IntN(2)], s.emptied()),
	}, s.ended()...)
}

// ended ends a replica, as the table says a little later, and has it start again at another address.
func (s *slot) ended() []step {
	id := s.now.ID
	if s.rng.IntN(2) == 0 {
		id = ""
	}
	return []step{
		s.turns(isDead, s.ticks(4)),
		s.set(route.Stopped, s.ticks(3)),
		func() func() bool { s.now = s.hire(id); return s.ticks(2) },
		s.set(route.Ready, s.ticks(2)),
	}
}

// takeover has one replica hang, and the next one take over what may be sent again.
func takeover(s *slot) []step {
	return []step{
		func() func() bool { s.next = s.hire(""); return s.ticks(2) },
		s.turns([]conduct{doesHang, doesSleep}[s.rng.IntN(2)], s.ticks(1)),
		func() func() bool { s.next.state, s.now.state = route.Ready, ""; return s.ticks(2) },
		func() func() bool {
			s.now.turn(isDead)
			s.now, s.next = s.next, entry{}
			return s.ticks(2)
		},
	}
}

// mishap is anything that may happen.
func mishap(s *slot) []step {
	switch s.rng.IntN(8) {
	case 0:
		return s.ended()
	case 1:
		return s.replaced(s.ticks(3))
	case 2, 3:
		return []step{s.turns(doesBreak, s.ticks(6)), s.turns(doesWell, s.ticks(3))}
	case 4, 5:
		return []step{s.turns(doesFail, s.ticks(6)), s.turns(doesWell, s.ticks(3))}
	}
	pause := []conduct{doesHang, doesSleep}[s.rng.IntN(2)]
	script := []step{s.turns(pause, s.ticks(3)), s.set(route.Unhealthy, s.ticks(4))}
	if s.rng.IntN(2) == 0 {
		return append(script, s.ended()...)
	}
	return append(script, s.turns(doesWell, s.ticks(2)), s.set(route.Ready, s.ticks(2)))
}

// nothing happens.
func nothing(*slot) []step { return nil }

// route is the app as the table has it now.
func (c *cast) route(rng *rand.Rand) route.Route {
	var targets []route.Target
	for _, s := range c.slots {
		for _, e := range []entry{s.now, s.next} {
			if e.replica == nil || e.state == "" {
				continue
			}
			t := e.Target
			t.State = e.state
			targets = append(targets, t)
		}
	}
	how := []route.Mount{route.Strip, route.Preserve}[rng.IntN(2)]
	r := mount(c.t, "/"+c.name, how, targets...)
	r.Service, r.Policy = c.name, c.policy
	return r
}

// readies are the replicas that the table has ready.
func (c *cast) readies() map[*replica]bool {
	found := map[*replica]bool{}
	for _, s := range c.slots {
		for _, e := range []entry{s.now, s.next} {
			if e.replica != nil && e.state == route.Ready {
				found[e.replica] = true
			}
		}
	}
	return found
}

// called finds a replica by its name.
func (c *cast) called(name string) *replica {
	c.book.mu.Lock()
	defer c.book.mu.Unlock()
	for _, r := range c.all {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// idOf is the id of the target of that name.
func (c *cast) idOf(name string) string {
	if r := c.called(name); r != nil {
		return r.ID
	}
	return ""
}
