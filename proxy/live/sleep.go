package live

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

const (
	// wakeAgain is how long after its start an app may still be listed as asleep.
	wakeAgain = 10 * time.Second
	// firstRetryWake and lastRetryWake are the pauses after failed starts, at first and at most.
	firstRetryWake = 5 * time.Second
	lastRetryWake  = 5 * time.Minute
)

// Unit sleeps and wakes as a whole: a project of a source, or a container without one.
type Unit struct{ Source, Project, Container string }

func unitOf(r *route.Route) Unit {
	if r.Project != "" {
		return Unit{Source: r.Source, Project: r.Project}
	}
	return Unit{Source: r.Source, Container: r.Service}
}

// Sleeper is a unit that is stopped when it is not used. It passes from one State to the next. All methods are safe for
// concurrent use.
type Sleeper struct {
	Unit

	mu sync.Mutex
	// idle is the longest idle time of the unit's routes, 0 as long as the table has none; up has the IDs of the targets that
	// have started, and starting reports that others start.
	idle     time.Duration
	up       string
	starting bool
	// active is how many requests are under way, and last when one last began or ended.
	active int
	last   time.Time
	// stopping reports that the agent stops the unit, so that no request is sent to it; down that the table has shown since
	// then that it does not run, and stopped that the agent has reported so.
	stopping, down, stopped bool
	// wanted is when a request last asked to wake it, zero when it is not waking; started is when the agent had started it.
	wanted, started time.Time
	// failure is why the last start failed, failures how many failed in a row; there is no other start before retry.
	failure  string
	failures int
	retry    time.Time
}

// Enter counts a request to the unit. It must be followed by one Leave.
func (s *Sleeper) Enter(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active++
	s.last = now
}

// Leave ends a request.
func (s *Sleeper) Leave(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	s.last = now
}

// Answered notes a response. It returns how long waking took, 0 if the unit was awake. A nil Sleeper is always awake.
func (s *Sleeper) Answered(now time.Time) (woke time.Duration) {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wanted.IsZero() && !s.stopping {
		woke = now.Sub(s.wanted)
		s.awake()
	}
	return woke
}

// Waking reports that the unit is waking, for no longer than most.
func (s *Sleeper) Waking(now time.Time, most time.Duration) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.wanted.IsZero() && now.Sub(s.wanted) <= most
}

// awake ends waking. The caller holds mu.
func (s *Sleeper) awake() {
	s.wanted, s.started, s.failure, s.failures, s.retry = time.Time{}, time.Time{}, "", 0, time.Time{}
}

// Failed reports that the last start failed.
func (s *Sleeper) Failed() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure != ""
}

// Stopping reports whether the unit is being stopped and gets no requests. It never becomes true while a request is under
// way. A nil Sleeper never sleeps.
func (s *Sleeper) Stopping() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// Wake asks for a start of the unit, if a route of it in that state needs one. It reports whether the request should wait,
// and whether the order is new.
func (s *Sleeper) Wake(state route.State, now time.Time, most time.Duration) (wait, ordered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case now.Before(s.retry):
		return false, false
	case s.stopping || state == route.Asleep:
		late := !s.started.IsZero() && now.Sub(s.started) > wakeAgain
		if s.wanted.IsZero() || late {
			s.wanted, s.started = now, time.Time{}
			return true, true
		}
		return true, false
	case s.wanted.IsZero() || now.Sub(s.wanted) > most:
		return false, false
	}
	return state == route.Ready || state == route.Starting || state == route.Draining, false
}

// update takes in what a table says of the unit's routes: their idle time, their states and their started targets.
func (s *Sleeper) update(idle time.Duration, states []route.State, up string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = idle
	if s.up != up && up != "" {
		s.last = now
	}
	s.up, s.starting = up, slices.Contains(states, route.Starting)
	runs := func(state route.State) bool { return state == route.Ready || state == route.Draining }
	s.down = s.down || s.stopping && !slices.ContainsFunc(states, runs)
	asleep := !slices.ContainsFunc(states, func(state route.State) bool { return state != route.Asleep })
	if s.stopping && (s.down && (up != "" || s.starting) || s.stopped && asleep) {
		s.stopping, s.down, s.stopped = false, false, false
	}
}

// due is in how long the unit should sleep, 0 for now. It reports false when that is not known.
func (s *Sleeper) due(now time.Time) (time.Duration, bool) {
	switch {
	case s.idle == 0 || s.up == "" && !s.stopping || s.starting:
		return 0, false
	case !s.wanted.IsZero() && now.Sub(s.wanted) < s.idle:
		return s.idle - now.Sub(s.wanted), true
	case s.stopping:
		return 0, !s.stopped
	case s.active > 0:
		return s.idle, true
	}
	return max(s.idle-now.Sub(s.last), 0), true
}

// Order is what the agent should do with the unit as of now, "" for nothing, and in how long that may change by itself.
func (s *Sleeper) Order(now time.Time) (what string, next time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wanted.IsZero() && s.started.IsZero() {
		return admin.Wake, 0
	}
	wait, known := s.due(now)
	switch {
	case !known:
		return "", 0
	case wait == 0 && s.active == 0:
		return admin.Sleep, 0
	}
	return "", max(wait, time.Millisecond)
}

// Report takes in the agent's report on an order. For PhaseSleep it returns whether the unit may be stopped.
func (s *Sleeper) Report(phase, reason string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch phase {
	case admin.PhaseSleep:
		if wait, known := s.due(now); !s.stopping && (!known || wait > 0 || s.active > 0) || s.stopping && !s.wanted.IsZero() {
			return false
		}
		s.stopping, s.wanted, s.started = true, time.Time{}, time.Time{}
	case admin.PhaseAsleep:
		s.stopped = s.stopping
	case admin.PhaseKept:
		s.stopping, s.down, s.stopped, s.last = false, false, false, now
	case admin.PhaseStarted:
		s.stopping, s.down, s.stopped, s.last = false, false, false, now
		if s.started = now; s.wanted.IsZero() {
			s.started = time.Time{}
		}
		s.failure, s.retry = "", time.Time{}
	case admin.PhaseFailed:
		failures := s.failures + 1
		s.awake()
		s.stopping, s.down, s.stopped = false, false, false
		s.failure, s.failures = reason, failures
		s.retry = now.Add(min(firstRetryWake<<min(failures-1, 10), lastRetryWake))
	}
	return true
}

// standing is the state of a route of the unit, given its state without sleep.
func (s *Sleeper) standing(stands Standing) Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.wanted.IsZero() && (s.stopping || slices.Contains([]route.State{route.Asleep, route.Draining, route.Starting, route.Unreachable}, stands.State)):
		stands.State, stands.Reason = route.Waking, ""
	case s.stopping && stands.State != route.Asleep:
		stands.State, stands.Reason = route.Draining, fmt.Sprintf("nobody used it for %s, so it is being stopped", label.Brief(s.idle))
	case stands.State == route.Asleep && s.failure != "":
		stands.Reason = fmt.Sprintf("it could not be started: %s; a request after %s tries again", s.failure, s.retry.Format(time.DateTime))
	}
	return stands
}

// Describe is the sleeper as the admin API shows it.
func (s *Sleeper) Describe() *admin.Idleness {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &admin.Idleness{After: s.idle.Milliseconds(), LastUsed: s.last, InUse: s.active}
}

// listed is what a table says of the routes of a unit.
type listed struct {
	idle   time.Duration
	states []route.State
	// up are the targets that have started.
	up []string
}

func (l *listed) add(r *route.Route) {
	l.idle = max(l.idle, r.Idle)
	l.states = append(l.states, r.State())
	for _, t := range r.Targets {
		if t.State != route.Starting && t.State.Before(route.Draining) || t.State == route.Crashing {
			l.up = append(l.up, t.ID)
		}
	}
}

// nextSleepers are the sleepers of the next State, for a table: one for each unit with an idle time, and those in use that
// lost it.
func (s *State) nextSleepers(t *route.Table, now time.Time) map[Unit]*Sleeper {
	next, all := map[Unit]*Sleeper{}, map[Unit]*listed{}
	for i := range t.Routes() {
		r := &t.Routes()[i]
		l := all[unitOf(r)]
		if l == nil {
			l = new(listed)
			all[unitOf(r)] = l
		}
		l.add(r)
	}
	for u, known := range s.sleepers {
		if all[u] == nil && known.Describe().InUse > 0 {
			all[u] = new(listed)
		}
	}
	for u, l := range all {
		known := s.sleepers[u]
		if l.idle == 0 && (known == nil || known.Describe().InUse == 0) {
			continue
		}
		if known == nil {
			known = &Sleeper{Unit: u, last: now}
		}
		slices.Sort(l.up)
		known.update(l.idle, l.states, strings.Join(slices.Compact(l.up), " "), now)
		next[u] = known
	}
	return next
}
