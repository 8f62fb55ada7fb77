package balance

import (
	"slices"
	"time"
)

// standing is how willingly a member is picked: the least first.
type standing uint8

const (
	due standing = iota
	well
	unchecked
	// shaky members were ejected for how they answer, dead ones for not accepting connections.
	shaky
	dead
	never
)

// query is what is asked of the members when not all of them are well.
type query struct {
	group *Group
	tried []*Member
	now   time.Time
	safe  bool
	// trials is unset when none is to be begun.
	trials bool
	// drawn is the member whose turn has come already, or -1.
	drawn int
	// soft is how many members are ejected for how they answer.
	soft int
}

// well reports whether nothing at all is to be said against a member.
func (g *Group) well(i int) bool {
	m := g.members[i]
	return m.until.Load() == 0 && (!g.checked || m.Health() == Passing)
}

// pickWell picks without looking at all members. It returns false when it came upon one that is not well, and which
// one's turn it was, or -1.
func (g *Group) pickWell() (int, bool) {
	n := uint64(len(g.members))
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

// turn returns whose turn it is, and it is the next one's then.
func (g *Group) turn() int { return int((g.journal.turn.Add(1) - 1) % uint64(len(g.members))) }

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

// unequal is how many times as long the responses of one member have to take as those of another to make a difference:
// those of equal members vary too.
const unequal = 3

// lighter returns the one of two members, drawn at random, that is to be preferred. It uses the upper 16 bits of r.
func (g *Group) lighter(i, j int, r uint64) int {
	a, b := g.members[i], g.members[j]
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

// pickBest looks at all members.
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
	for i := range q.group.members {
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

// nth returns the member that has n others of its standing before it. What has changed meanwhile may have it return
// the fallback instead.
func (q *query) nth(n int, s standing, fallback int) int {
	for i := range q.group.members {
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

// turnOf has those miss their turn that have another standing. Others take turns at the same time, so it may not come
// upon any, and returns the fallback then.
func (q *query) turnOf(s standing, fallback int) int {
	i := q.drawn
	for range 2 * len(q.group.members) {
		if i >= 0 && q.standing(i) == s {
			return i
		}
		i = q.group.turn()
	}
	return fallback
}

func (q *query) standing(i int) standing {
	m := q.group.members[i]
	health := Passing
	if q.group.checked {
		health = m.Health()
	}
	if health == Failing || slices.Contains(q.tried, m) {
		return never
	}
	if m.until.Load() != 0 && q.effective(i) {
		switch {
		case q.trials && m.due(q.now, q.safe):
			return due
		case m.hard.Load():
			return dead
		}
		return shaky
	}
	if health == Unchecked {
		return unchecked
	}
	return well
}

// soft counts the members that are ejected for how they answer.
func (g *Group) soft() int {
	n := 0
	for _, m := range g.members {
		if m.soft() {
			n++
		}
	}
	return n
}

// effective reports whether the ejection of a member has an effect. For how they answer, up to half of the members are
// out, those that were ejected first: when more seem bad, it is likely not they who are.
func (q *query) effective(i int) bool {
	half := len(q.group.members) / 2
	m := q.group.members[i]
	if q.soft <= half || m.hard.Load() {
		return true
	}
	before, since := 0, m.since.Load()
	for j, other := range q.group.members {
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
	m := g.members[i]
	m.inflight.Add(1)
	return Attempt{Member: m, Index: i, began: now, epoch: m.epoch.Load(), trial: trial}
}

// try begins the attempt that is a member's trial, unless another did.
func (g *Group) try(i int, now time.Time, safe bool) (Attempt, bool) {
	m := g.members[i]
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.due(now, safe) {
		return Attempt{}, false
	}
	m.trial.Store(true)
	return g.begin(i, now, true), true
}
