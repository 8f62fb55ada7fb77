// Package balance decides which of a route's targets gets a request: by how many it has under way, by turns or by
// cookie, and by what is known of its health. It knows targets by their ids, and nothing of addresses, HTTP messages
// other than its own cookie, or how checks are made. It does no I/O, and all times are given by the caller. The one
// policy worth stating: a route with targets is never without one because of what was guessed, only because of what
// was checked.
package balance

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// Strategy is how requests are spread, in the spelling of the label. Any other value than these is P2C.
type Strategy string

// The strategies.
const (
	// P2C takes of two targets drawn at random the one with less under way. Where one takes more than three times as
	// long to respond as the other, what is under way counts for as many times as much, in 15 of 16 draws: a slow target
	// keeps up when there is little to do, and should be asked less all the same, but not forgotten.
	P2C Strategy = "p2c"
	// RoundRobin takes one after the other. Those that are not well miss their turn, which no other gets in addition.
	RoundRobin Strategy = "round-robin"
	// Sticky is P2C for clients without a cookie of the route, who are to come back by Group.Find and Group.Take.
	Sticky Strategy = "sticky"
)

// Options say how a group treats its targets.
type Options struct {
	Strategy Strategy
	// Checked reports that the targets' health is checked for this route. If it is not, what their members say of
	// health has no meaning here.
	Checked bool
	// Signer makes and verifies the cookies of a sticky group; without it there are none.
	Signer *Signer
	// Route is what cookies are bound to: those of one route are worth nothing for another.
	Route string
}

// Target is one of the targets that a group is made of.
type Target struct {
	// Member is what is known of it. It may be in several groups.
	Member *Member
	// ID is what its cookies are bound to: it should be stable for as long as the target exists.
	ID string
}

// Group is the targets of one route that take requests. It is immutable but for what it hands on to the next group of
// the route, and safe for concurrent use.
type Group struct {
	members []*Member
	turns   bool
	checked bool
	// values are the members' cookies, if the group is sticky.
	values  []token
	journal *journal
	random  func() uint64
}

// journal is what the groups of one route hand on.
type journal struct {
	turn atomic.Uint64
	// debt is what retries took of the budget and requests did not give back yet, in fifths of a retry.
	debt atomic.Int64
}

// New makes a group. It goes on where old stood, which may be nil: the group that the route had before.
func New(o Options, targets []Target, old *Group) *Group {
	g := &Group{
		members: make([]*Member, len(targets)),
		turns:   o.Strategy == RoundRobin,
		checked: o.Checked,
		random:  rand.Uint64,
	}
	for i, t := range targets {
		g.members[i] = t.Member
	}
	if o.Strategy == Sticky && o.Signer != nil {
		g.values = o.Signer.tokens(o.Route, targets)
	}
	if old != nil {
		g.journal = old.journal
	} else {
		g.journal = new(journal)
	}
	return g
}

// Len is the number of targets.
func (g *Group) Len() int { return len(g.members) }

// Pick chooses a target for a request and begins an attempt, which the caller must end. It never picks one of tried.
// It returns false when there is none.
//
// Of several it prefers, in this order: one that is due for its trial, which a single request gets; those that are
// well; those that were not checked yet; and rather than none those that are ejected, where those that refused
// connections come last. One that fails its checks is never picked. That a trial is due is noticed when it is the
// target's turn or it is drawn, so it may be a few requests late. A request that others were tried with gets none.
//
// Safe says that the request may go to another target whatever this one makes of it, a bad answer too. One that may not
// does not get the trial of a target that broke or failed what it was given, unless nobody else came for it for overdue.
func (g *Group) Pick(tried []*Member, now time.Time, safe bool) (Attempt, bool) {
	turn := -1
	if len(tried) == 0 {
		i, found := g.pickWell()
		if found {
			a := g.begin(i, now, false)
			a.Others = len(g.members) > 1 && !g.turns // two were looked at
			return a, true
		}
		turn = i
	}
	return g.pickBest(query{tried: tried, now: now, safe: safe, trials: len(tried) == 0, drawn: turn})
}

// Take begins an attempt with one target that the client is to have, the one with this index, if it would be picked
// although others are well; else it returns false, and the client has to move.
func (g *Group) Take(i int, now time.Time, safe bool) (Attempt, bool) {
	if g.well(i) {
		return g.begin(i, now, false), true
	}
	q := query{group: g, now: now, safe: safe, trials: true, soft: g.soft()}
	switch q.standing(i) {
	case due:
		if a, claimed := g.try(i, now, safe); claimed {
			return a, true
		}
	case well, unchecked:
		return g.begin(i, now, false), true
	}
	return Attempt{}, false
}

// Others reports whether there is a target besides those tried that may well answer: one that is neither ejected nor
// fails its checks. A response may be declined only if there is.
func (g *Group) Others(tried []*Member) bool {
	for i, m := range g.members {
		if g.well(i) && !slices.Contains(tried, m) {
			// As nearly always: the others need not be looked at.
			return true
		}
	}
	q := query{group: g, tried: tried, soft: g.soft()}
	for i := range g.members {
		if s := q.standing(i); s == well || s == unchecked {
			return true
		}
	}
	return false
}

// The budget of retries, in fifths of one: a request earns one, a retry costs five, and a hundred are in reserve.
const (
	retryCost    = 5
	retryReserve = 100 * retryCost
)

// Earn adds to the budget of retries. It is called once for each request, so that retries are up to a fifth of them,
// and a reserve of a hundred.
func (g *Group) Earn() {
	for {
		debt := g.journal.debt.Load()
		if debt == 0 || g.journal.debt.CompareAndSwap(debt, debt-1) {
			return
		}
	}
}

// Spend takes one retry from the budget, and returns false when nothing is left: the request must not be sent again.
// Requests that were never sent, since no connection came to be, need no budget.
func (g *Group) Spend() bool {
	for {
		debt := g.journal.debt.Load()
		if debt+retryCost > retryReserve {
			return false
		}
		if g.journal.debt.CompareAndSwap(debt, debt+retryCost) {
			return true
		}
	}
}
