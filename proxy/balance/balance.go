// Package balance decides which of a route's targets gets a request: by how many it has under way, by turns or by
// cookie, and by what is known of its health. It knows targets by their ids, and nothing of addresses, HTTP messages
// other than its own cookie, or how checks are made. It does no I/O, and the caller gives it all times. The one policy
// worth stating: guesses from failed requests never leave a route without a target, only failed checks do.
package balance

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// Strategy is how requests are spread, in the spelling of the label. Any other value than these is P2C.
type Strategy string

// The strategies.
const (
	// P2C (power of two choices) draws two targets at random and takes the one with fewer requests under way. If one of
	// them takes more than three times as long to respond as the other, its requests count for as many times as much, in
	// 15 of 16 draws: a slow target with few requests should get fewer, but some.
	P2C Strategy = "p2c"
	// RoundRobin takes one after the other, and skips those that are not well.
	RoundRobin Strategy = "round-robin"
	// Sticky is P2C for clients without a cookie of the route; the others come back by Group.Find and Group.Take.
	Sticky Strategy = "sticky"
)

// Options say how a group treats its targets.
type Options struct {
	Strategy Strategy
	// Checked reports that the route checks its targets. If it does not, Target.Health has no meaning for it.
	Checked bool
	// Signer makes and verifies the cookies of a sticky group; without it there are none.
	Signer *Signer
	// Route is what cookies are bound to: those of one route are worth nothing for another.
	Route string
	// Shared is that of all groups of the route; nil makes one for this group alone.
	Shared *Shared
}

// Shared is what all groups of one route share, from table to table. The zero value is ready; it must not be copied.
type Shared struct {
	turn atomic.Uint64
	// debt is what retries took from the budget and requests did not give back yet, in fifths of a retry.
	debt atomic.Int64
}

// Group is the targets of one route that take requests. It is immutable but for what it shares, and safe for concurrent
// use.
type Group struct {
	targets []*Target
	turns   bool
	checked bool
	// values are the targets' cookies, if the group is sticky.
	values []token
	shared *Shared
	random func() uint64
}

// New makes a group of targets, which it keeps.
func New(o Options, targets []*Target) *Group {
	g := &Group{
		targets: targets,
		turns:   o.Strategy == RoundRobin,
		checked: o.Checked,
		shared:  cmp.Or(o.Shared, new(Shared)),
		random:  rand.Uint64,
	}
	if o.Strategy == Sticky && o.Signer != nil {
		g.values = o.Signer.tokens(o.Route, targets)
	}
	return g
}

// Len is the number of targets.
func (g *Group) Len() int { return len(g.targets) }

// Pick chooses a target for a request and begins an attempt, which the caller must end. It never picks one of tried.
// It returns false when there is none.
//
// It prefers, in this order: a target that is due for its trial, which a single request gets; those that are well; those
// that were not checked yet; those that are ejected, the ones that refused connections last. It never picks one that
// fails its checks. It notices that a trial is due when it draws that target, so the trial may be a few requests late. A
// retry is never a trial.
//
// Safe says that the request may be retried whatever the target does, also after a bad response. Other requests are no
// trial of a target that broke or failed requests, unless no safe request came within overdue.
func (g *Group) Pick(tried []*Target, now time.Time, safe bool) (Attempt, bool) {
	turn := -1
	if len(tried) == 0 {
		i, found := g.pickWell()
		if found {
			a := g.begin(i, now, false)
			a.Others = len(g.targets) > 1 && !g.turns // two were looked at
			return a, true
		}
		turn = i
	}
	return g.pickBest(query{tried: tried, now: now, safe: safe, trials: len(tried) == 0, drawn: turn})
}

// Take begins an attempt with the target of that index, for a client that is bound to it, if the target is well, not
// checked yet or due for its trial. Else it returns false, and the client gets another target.
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

// Others reports whether there is a target besides those tried that is neither ejected nor fails its checks. Only then
// may a response be declined.
func (g *Group) Others(tried []*Target) bool {
	for i, t := range g.targets {
		if g.well(i) && !slices.Contains(tried, t) {
			// The usual case: the others need not be looked at.
			return true
		}
	}
	q := query{group: g, tried: tried, soft: g.soft()}
	for i := range g.targets {
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

// Earn adds to the budget of retries. It is called once for each request, so that at most a fifth of the requests are
// retried, and a reserve of a hundred.
func (g *Group) Earn() {
	for {
		debt := g.shared.debt.Load()
		if debt == 0 || g.shared.debt.CompareAndSwap(debt, debt-1) {
			return
		}
	}
}

// Spend takes one retry from the budget. It returns false when nothing is left: the request must not be sent again. A
// request that was never sent, for lack of a connection, needs no budget.
func (g *Group) Spend() bool {
	for {
		debt := g.shared.debt.Load()
		if debt+retryCost > retryReserve {
			return false
		}
		if g.shared.debt.CompareAndSwap(debt, debt+retryCost) {
			return true
		}
	}
}
