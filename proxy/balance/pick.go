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
	tried []*Member
	now   time.Time
	safe  bool
	// trials is unset when none is to be begun.
	trials bool
	// turn is the member whose turn has come already, or -1.
	turn int
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

// unequal is how many times as long the answers of one member have to take as those of another to make a difference:
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
	q.soft = g.soft()
	best, count, first := g.best(&q)
	if best == due {
		if a, claimed := g.try(first, q.now, q.safe); claimed {
			return a, true
		}
		// Another request was faster.
		q.trials = false
		best, count, first = g.best(&q)
	}
	if best == never {
		return Attempt{}, false
	}
	i := first
	switch {
	case count == 1:
	case g.turns:
		i = g.turnOf(best, first, &q)
	default:
		r := g.random()
		a, b := draw(r, uint64(count))
		i = g.lighter(g.nth(a, best, first, &q), g.nth(b, best, first, &q), r)
	}
	return g.begin(i, q.now, false), true
}

// best returns the best standing, how many have it and the first that does.
func (g *Group) best(q *query) (best standing, count, first int) {
	best = never
	for i := range g.members {
		s := g.standing(i, q)
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
func (g *Group) nth(n int, s standing, fallback int, q *query) int {
	for i := range g.members {
		if g.standing(i, q) != s {
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
func (g *Group) turnOf(s standing, fallback int, q *query) int {
	i := q.turn
	for range 2 * len(g.members) {
		if i >= 0 && g.standing(i, q) == s {
			return i
		}
		i = g.turn()
	}
	return fallback
}

func (g *Group) standing(i int, q *query) standing {
	m := g.members[i]
	health := Passing
	if g.checked {
		health = m.Health()
	}
	if health == Failing || slices.Contains(q.tried, m) {
		return never
	}
	if m.until.Load() != 0 && g.effective(i, q) {
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
func (g *Group) effective(i int, q *query) bool {
	half := len(g.members) / 2
	m := g.members[i]
	if q.soft <= half || m.hard.Load() {
		return true
	}
	before, since := 0, m.since.Load()
	for j, other := range g.members {
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
