package balance

import (
	"slices"
	"time"
)

// standing is how good a choice a target is: the lowest is picked first.
type standing uint8

const (
	due standing = iota
	well
	unchecked
	// shaky targets were ejected for their responses, dead ones for not accepting connections.
	shaky
	dead
	never
)

// query is a choice among targets of which not all are well.
type query struct {
	group *Group
	tried []*Target
	now   time.Time
	safe  bool
	// trials allows to begin one.
	trials bool
	// drawn is the target whose turn it was, or -1.
	drawn int
	// soft is how many targets are ejected for their responses.
	soft int
}

// well reports that a target is not ejected, and passes its checks if there are any.
func (g *Group) well(i int) bool {
	t := g.targets[i]
	return t.until.Load() == 0 && (!g.checked || t.Health() == Passing)
}

// pickWell picks without looking at all targets. It returns false when it meets one that is not well, and the index of
// the one whose turn it was, or -1.
func (g *Group) pickWell() (int, bool) {
	n := uint64(len(g.targets))
	switch {
	case n == 0:
		return -1, false
	case n == 1:
		return 0, g.well(0)
	case g.turns:
		i := g.turn()
		return i, g.well(i)
	}
	r := g.random()
	i, j := draw(r, n)
	if !g.well(i) || !g.well(j) {
		return -1, false
	}
	return g.lighter(i, j, r), true
}

// turn returns the index of the target whose turn it is, and moves on to the next.
func (g *Group) turn() int { return int((g.shared.turn.Add(1) - 1) % uint64(len(g.targets))) }

// draw returns two different numbers below n, from the lower 48 bits of r.
func draw(r, n uint64) (int, int) {
	const bits = 24
	i := (r & (1<<bits - 1)) * n >> bits
	j := (r >> bits & (1<<bits - 1)) * (n - 1) >> bits
	if j >= i {
		j++
	}
	return int(i), int(j)
}

// unequal is how many times longer the responses of one target must take than those of another to make a difference:
// those of equal targets vary too.
const unequal = 3

// lighter returns the better of two targets, drawn at random. It uses the upper 16 bits of r.
func (g *Group) lighter(i, j int, r uint64) int {
	a, b := g.targets[i], g.targets[j]
	x, y := a.inflight.Load(), b.inflight.Load()
	if r>>60 != 0 {
		p, q := a.latency.Load(), b.latency.Load()
		if p > 0 && q > 0 && (p > unequal*q || q > unequal*p) {
			x, y = (x+1)*p, (y+1)*q
		}
	}
	if y < x {
		return j
	}
	return i
}

// pickBest looks at all targets.
func (g *Group) pickBest(q query) (Attempt, bool) {
	q.group, q.soft = g, g.soft()
	best, count, first := q.best()
	if best == due {
		if a, claimed := g.try(first, q.now, q.safe); claimed {
			return a, true
		}
		// Another request was faster.
		q.trials = false
		best, count, first = q.best()
	}
	if best == never {
		return Attempt{}, false
	}
	i := first
	switch {
	case count == 1:
	case g.turns:
		i = q.turnOf(best, first)
	default:
		r := g.random()
		a, b := draw(r, uint64(count))
		i = g.lighter(q.nth(a, best, first), q.nth(b, best, first), r)
	}
	return g.begin(i, q.now, false), true
}

// best returns the best standing, how many have it and the first that does.
func (q *query) best() (best standing, count, first int) {
	best = never
	for i := range q.group.targets {
		s := q.standing(i)
		if s < best {
			best, count, first = s, 0, i
		}
		if s == best {
			count++
		}
	}
	return best, count, first
}

// nth returns the target that has n others of its standing before it, or the fallback if standings changed meanwhile.
func (q *query) nth(n int, s standing, fallback int) int {
	for i := range q.group.targets {
		if q.standing(i) != s {
			continue
		}
		if n == 0 {
			return i
		}
		n--
	}
	return fallback
}

// turnOf takes turns until it meets a target of that standing. Other requests take turns at the same time, so it may meet
// none, and returns the fallback then.
func (q *query) turnOf(s standing, fallback int) int {
	i := q.drawn
	for range 2 * len(q.group.targets) {
		if i >= 0 && q.standing(i) == s {
			return i
		}
		i = q.group.turn()
	}
	return fallback
}

func (q *query) standing(i int) standing {
	t := q.group.targets[i]
	health := Passing
	if q.group.checked {
		health = t.Health()
	}
	if health == Failing || slices.Contains(q.tried, t) {
		return never
	}
	if t.until.Load() != 0 && q.effective(i) {
		switch {
		case q.trials && t.due(q.now, q.safe):
			return due
		case t.hard.Load():
			return dead
		}
		return shaky
	}
	if health == Unchecked {
		return unchecked
	}
	return well
}

// soft counts the targets that are ejected for their responses.
func (g *Group) soft() int {
	n := 0
	for _, t := range g.targets {
		if t.soft() {
			n++
		}
	}
	return n
}

// effective reports whether the ejection of a target has an effect. At most half of the targets are out for their
// responses, those that were ejected first: when more seem bad, the fault is probably not theirs.
func (q *query) effective(i int) bool {
	half := len(q.group.targets) / 2
	t := q.group.targets[i]
	if q.soft <= half || t.hard.Load() {
		return true
	}
	before, since := 0, t.since.Load()
	for j, other := range q.group.targets {
		if j == i || !other.soft() {
			continue
		}
		if s := other.since.Load(); s < since || s == since && j < i {
			before++
		}
	}
	return before < half
}

// begin begins an attempt.
func (g *Group) begin(i int, now time.Time, trial bool) Attempt {
	t := g.targets[i]
	t.inflight.Add(1)
	return Attempt{Target: t, Index: i, began: now, epoch: t.epoch.Load(), trial: trial}
}

// try begins the attempt that is a target's trial, unless another did.
func (g *Group) try(i int, now time.Time, safe bool) (Attempt, bool) {
	t := g.targets[i]
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.due(now, safe) {
		return Attempt{}, false
	}
	t.trial.Store(true)
	return g.begin(i, now, true), true
}
