package proxy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"gateway/proxy/route"
)

// checkPath is the path of health checks.
const checkPath = "/healthy"

// chaosApp is an app with its replicas.
type chaosApp struct {
	chaos  *chaos
	name   string
	scheme route.Scheme
	policy route.Policy
	// change is what happens to a slot next, after at least so many ticks of rest.
	change func(*slot) []step
	rest   int
	// neverFails reports that no change may make a request fail. retriesNeverFail reports that at least those requests never
	// fail that may be repeated, as long as the budget lasts.
	neverFails, retriesNeverFail bool
	// waits reports that requests wait at times, comesAndGoes that some tables lack the route.
	waits, comesAndGoes bool
	// wild reports that the replicas of all wild routes serve it. They do to each request what its fault says.
	wild  bool
	slots []*slot
	// replicas are all that there ever were.
	replicas []*replica
}

// slot is the place of one replica, and of its successor.
type slot struct {
	app       *chaosApp
	rng       *rand.Rand
	now, next slotTarget
	// script are the steps still to do, and until holds when the next one is due.
	script []step
	until  func() bool
	// rested is for how many ticks nothing was done.
	rested int
}

// slotTarget is a replica and its state in the table, empty if the table does not have it.
type slotTarget struct {
	replica *replica
	state   route.State
}

// step does something, and returns what has to hold before the next one.
type step func() (until func() bool)

// launch starts a replica with that id, or with a new one.
func (s *slot) launch(id string) slotTarget {
	name := fmt.Sprintf("%s-%d", s.app.name, len(s.app.replicas))
	if id == "" {
		id = name
	}
	r := newReplica(&s.app.chaos.recorder, s.app, route.Target{ID: id, Name: name, Scheme: s.app.scheme}, s.rng.Uint64())
	s.app.chaos.update(func() { s.app.replicas = append(s.app.replicas, r) })
	return slotTarget{r, route.Starting}
}

// ticks waits for at least one tick and up to that many.
func (s *slot) ticks(most int) func() bool {
	left := 1 + s.rng.IntN(most)
	return func() bool { left--; return left <= 0 }
}

// drained waits until all requests have ended that began before the current table.
func (s *slot) drained() func() bool {
	var since time.Time
	return func() bool {
		if since.IsZero() {
			since = s.app.chaos.swapped
		}
		return s.app.chaos.endedBefore(since)
	}
}

// idle waits until no replica has anything to do: all requests wait, and did so a tick ago.
func (s *slot) idle() func() bool {
	before := false
	return func() bool {
		p := s.app.chaos.proxy
		r := p.current.Load().Lookup(mustKey(s.app.chaos.t, "/"+s.app.name))
		waiting := r.Outage.Waiting()
		now := p.traffic.Route(r.Key).Counts().Inflight == int64(waiting) && waiting == r.Outage.Waiting()
		defer func() { before = now }()
		return now && before
	}
}

// act does the next step when it is due.
func (s *slot) act() {
	if s.until != nil && !s.until() {
		return
	}
	s.until = nil
	if len(s.script) > 0 {
		next := s.script[0]
		s.script = s.script[1:]
		s.until = next()
		return
	}
	s.rested++
	if s.rested > s.app.rest && s.rng.IntN(3) == 0 && (s.app.neverFails || len(s.app.slots) == 1 || s.spare()) {
		s.script, s.rested = s.app.change(s), 0
	}
}

// spare reports that another slot has a replica that always worked and will for now.
func (s *slot) spare() bool {
	return slices.ContainsFunc(s.app.slots, func(o *slot) bool {
		return o != s && o.rested > 1 && len(o.now.replica.faulty) == 0 && o.now.state == route.Ready
	})
}

// set changes the state in the table.
func (s *slot) set(state route.State, until func() bool) step {
	return func() func() bool { s.now.state = state; return until }
}

// becomes changes the behavior.
func (s *slot) becomes(to behavior, until func() bool) step {
	return func() func() bool { s.now.replica.behave(to); return until }
}

// replace starts a successor first. The old replica gets no new requests from then on, and stops when that holds.
func (s *slot) replace(old route.State, until func() bool) []step {
	return []step{
		func() func() bool { s.next = s.launch(""); return s.ticks(2) },
		func() func() bool { s.next.state, s.now.state = route.Ready, old; return until },
		func() func() bool {
			s.now.replica.behave(stopped)
			s.now, s.next = s.next, slotTarget{}
			return s.ticks(2)
		},
	}
}

// restart stops a replica, which the table says a little later, and starts it again at another address.
func (s *slot) restart() []step {
	id := s.now.replica.ID
	if s.rng.IntN(2) == 0 {
		id = ""
	}
	return []step{
		s.becomes(stopped, s.ticks(4)),
		s.set(route.Stopped, s.ticks(3)),
		func() func() bool { s.now = s.launch(id); return s.ticks(2) },
		s.set(route.Ready, s.ticks(2)),
	}
}

// startFirst replaces a replica that finishes what it has.
func startFirst(s *slot) []step {
	return s.replace([]route.State{"", route.Draining}[s.rng.IntN(2)], s.drained())
}

// stopFirst stops a replica that has finished what it has, and starts its successor then.
func stopFirst(s *slot) []step {
	state := []route.State{route.Draining, route.Stopped}[s.rng.IntN(2)]
	return append([]step{s.set(state, s.idle())}, s.restart()...)
}

// takeOver lets a replica hang, and its successor take over the requests that may be repeated.
func takeOver(s *slot) []step {
	steps := s.replace("", s.ticks(2))
	return slices.Insert(steps, 1, s.becomes([]behavior{hanging, frozen}[s.rng.IntN(2)], s.ticks(1)))
}

// mishap is anything that may happen.
func mishap(s *slot) []step {
	switch s.rng.IntN(8) {
	case 0:
		return s.restart()
	case 1:
		return s.replace([]route.State{"", route.Draining}[s.rng.IntN(2)], s.ticks(3))
	case 2, 3:
		return []step{s.becomes(breaking, s.ticks(6)), s.becomes(working, s.ticks(3))}
	case 4, 5:
		return []step{s.becomes(failing, s.ticks(6)), s.becomes(working, s.ticks(3))}
	}
	script := []step{s.becomes([]behavior{hanging, frozen}[s.rng.IntN(2)], s.ticks(3)), s.set(route.Unhealthy, s.ticks(4))}
	if s.rng.IntN(2) == 0 {
		return append(script, s.restart()...)
	}
	return append(script, s.becomes(working, s.ticks(2)), s.set(route.Ready, s.ticks(2)))
}

func nothing(*slot) []step { return nil }

// table is what the table has now, and which of the replicas are ready.
func (a *chaosApp) table() (targets []route.Target, ready map[*replica]bool) {
	ready = map[*replica]bool{}
	for _, s := range a.slots {
		for _, e := range []slotTarget{s.now, s.next} {
			if e.replica != nil && e.state != "" {
				t := e.replica.Target
				t.State = e.state
				targets, ready[e.replica] = append(targets, t), t.State == route.Ready
			}
		}
	}
	return targets, ready
}
