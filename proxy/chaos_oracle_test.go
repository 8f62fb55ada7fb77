package proxy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// oracle judges by what clients saw and by what reached the replicas. The rules of retries are those of README:
// connection failures, any method; sent and not answered, GET, HEAD, OPTIONS, PUT and DELETE with a body that came whole,
// or none; 500, 502, 503 and 504, GET, HEAD and OPTIONS. At most two times, and as the budget of the route allows; never
// after an answer began.
type oracle struct {
	*show
	entries map[string]*accessLine
}

// mostSent is how often a request is sent at most, and reserve and share what the budget allows. Blur is how many retries
// more or less there may have been than it seems, since many requests are under way.
const (
	mostSent = 3
	reserve  = 100
	share    = 5
	blur     = 30
)

// judge complains of all that breaks the rules.
func (o oracle) judge() {
	seen := map[string]int{}
	byApp := map[*cast][]*call{}
	for _, c := range o.book.calls {
		slices.SortFunc(c.arrivals, func(a, b *arrival) int { return a.at.Compare(b.at) })
		byApp[c.app] = append(byApp[c.app], c)
	}
	for _, app := range o.casts {
		budget := o.budgetOf(byApp[app])
		for _, c := range byApp[app] {
			o.sentRightly(c)
			seen[o.answered(c, budget)]++
		}
		if budget.least > reserve+len(byApp[app])/share {
			o.book.wrong("%s: %d requests were sent again, of %d", app.name, budget.least, len(byApp[app]))
		}
		o.t.Logf("%-8s %5d requests, %4d sent again, %2d replicas", app.name, len(byApp[app]), budget.least, len(app.all))
	}
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		o.t.Logf("%6d %s", seen[what], what)
	}
}

func idempotent(method string) bool {
	return safe(method) || method == "PUT" || method == "DELETE"
}

func safe(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

// attempts is how many targets were given the request, or the same one again. A kept connection that breaks before there
// is an answer may have been closed before the request came, so it is sent once more over a new one.
func (c *call) attempts() int {
	n := 0
	broken := map[*replica]int{}
	for _, a := range c.arrivals {
		switch {
		case a.kept && !a.begun:
			broken[a.replica]++
		case !a.kept && broken[a.replica] > 0:
			broken[a.replica]--
			continue
		}
		n++
	}
	return n
}

// unseen is how many replicas may have been given the request without having read it.
func (c *call) unseen() int {
	n := 0
	for _, r := range c.app.all {
		if slices.ContainsFunc(c.arrivals, func(a *arrival) bool { return a.replica == r }) {
			continue
		}
		if slices.ContainsFunc(r.harm, func(s spell) bool {
			return s.as == doesSleep && s.meets(c.began, c.ended) ||
				s.as == isDead && !s.from.Before(c.began) && !s.from.After(c.ended)
		}) {
			n++
		}
	}
	return n
}

// others reports that a target was ready and well all the time. Spotless asks for one that always was: others may be
// thought to be bad still.
func (c *call) others(spotless bool) bool {
	return slices.ContainsFunc(c.app.all, func(r *replica) bool {
		if !slices.ContainsFunc(r.ready, func(s spell) bool { return s.covers(c.began, c.ended) }) {
			return false
		}
		from := c.began
		if spotless {
			from = time.Time{}
		}
		return !r.harmed(from, c.ended)
	})
}

// harmed reports that the replica did harm at some time between the two.
func (r *replica) harmed(from, to time.Time) bool {
	return slices.ContainsFunc(r.harm, func(s spell) bool { return s.meets(from, to) })
}

// hid reports that what the replica answered may not have left it, or was not waited for: of a target whose check fails,
// requests that wait are taken elsewhere, whatever it is about to answer.
func (r *replica) hid(c *call) bool {
	from := doesHang
	if c.app.policy.Check.Path != "" {
		from = doesFail
	}
	return slices.ContainsFunc(r.harm, func(s spell) bool { return s.as >= from && s.meets(c.began, c.ended) })
}

// sentRightly complains of a request that reached whom it must not.
func (o oracle) sentRightly(c *call) {
	if n := len(c.arrivals); n > 1 && (!idempotent(c.method) || c.streamed) {
		o.complain(c, fmt.Sprintf("was sent %d times", n))
	}
	if n := c.attempts(); n > mostSent {
		o.complain(c, fmt.Sprintf("was sent %d times", n))
	}
	hid := slices.ContainsFunc(c.arrivals, func(a *arrival) bool { return a.replica.hid(c) })
	for i, a := range c.arrivals {
		// Replicas that slept read late what they were sent first.
		if i+1 < len(c.arrivals) && a.done && a.status >= 500 && !safe(c.method) && !hid {
			o.complain(c, "was answered and sent again")
		}
		if slices.ContainsFunc(a.replica.passed, func(s spell) bool { return s.covers(c.began, a.at) }) {
			o.complain(c, "reached "+a.replica.Name+", which takes no new requests")
		}
	}
	if c.stays == "" || c.from == "" || c.app.idOf(c.from) == c.stays {
		return
	}
	for _, r := range c.app.all {
		if r.ID == c.stays && !r.harmed(time.Time{}, c.ended) &&
			slices.ContainsFunc(r.ready, func(s spell) bool { return s.covers(c.began, c.ended) }) {
			o.complain(c, "was to stay with "+r.Name)
		}
	}
}

// answered complains of an answer that should have been another one, and returns what it was.
func (o oracle) answered(c *call, budget budget) string {
	line := o.entries[c.id]
	switch {
	case c.leaves:
		return "left"
	case c.unreached:
		return "not reached"
	case line == nil:
		return "not in the log"
	case c.err != nil:
		if !c.brokeOff() {
			o.complain(c, "was broken off for no reason")
		}
		return "broken off"
	case c.from != "" && !slices.ContainsFunc(c.arrivals, func(a *arrival) bool {
		return a.replica.Name == c.from && a.begun && a.status == c.status
	}):
		o.complain(c, "has an answer that nobody gave")
	case c.status == 200:
		return "answered"
	case c.app.quiet, c.app.repeats && idempotent(c.method) && c.whole && !budget.mayBeSpent(c):
		o.complain(c, "failed")
	case !o.avoidable(c, line, budget):
	default:
		o.complain(c, "could have been answered")
	}
	if c.from != "" {
		return "an error of the app"
	}
	return "the gateway's page"
}

// brokeOff reports that a replica began the answer and did not end it, or died before all of it had left.
func (c *call) brokeOff() bool {
	return slices.ContainsFunc(c.arrivals, func(a *arrival) bool {
		return a.begun && (!a.done || slices.ContainsFunc(a.replica.harm, func(s spell) bool {
			return s.as == isDead && !s.from.Before(a.at) && !s.from.After(c.ended)
		}))
	})
}

// avoidable reports that the rules would have had an error avoided.
func (o oracle) avoidable(c *call, line *accessLine, budget budget) bool {
	sentEnough := c.attempts()+c.unseen() >= mostSent || budget.mayBeSpent(c)
	checked := c.app.policy.Check.Path != ""
	switch {
	case c.from != "":
		return safe(c.method) && !sentEnough && c.others(true)
	case line.Error != "bad_answer":
		return c.others(checked)
	case idempotent(c.method) && c.whole:
		return !sentEnough && c.others(checked)
	case idempotent(c.method) && !c.streamed:
		return false
	}
	// It was lost with the target that had it, which has to be a bad one.
	last := c.app.called(line.Target)
	return last == nil || !last.harmed(c.began, c.ended)
}

// complain says all that is known of a call.
func (o oracle) complain(c *call, what string) {
	text := ""
	for _, a := range c.arrivals {
		text += "\n\t" + o.ago(a.at) + " at " + a.replica.Name + ": " + describe(a)
	}
	for _, r := range c.app.all {
		if r.harmed(c.began, c.ended) || slices.ContainsFunc(r.ready, func(s spell) bool { return s.meets(c.began, c.ended) }) {
			text += "\n\t" + r.Name + " (" + r.ID + " " + r.Address + ")" + o.spells(" ready", r.ready) + o.spells(" harm", r.harm)
		}
	}
	o.book.wrong("%s %s (HTTP/2 %t, body %d, whole %t) %s: %d from %q, %v, from %s to %s, %+v%s", c.method, c.id, c.two, c.body, c.whole,
		what, c.status, c.from, c.err, o.ago(c.began), o.ago(c.ended), o.entries[c.id], text)
}

// budget is what retries of one route took.
type budget struct {
	// least is how many requests were sent again.
	least int
	// at and debt are what may have been taken at most, in fifths, over time.
	at   []time.Time
	debt []int
}

// budgetOf adds up the retries of one app.
func (o oracle) budgetOf(calls []*call) budget {
	var b budget
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	for _, c := range calls {
		changes = append(changes, change{c.began, -1})
		again := max(c.attempts()-1, 0)
		b.least += again
		if line := o.entries[c.id]; line != nil {
			again = max(again, min(line.Retries, mostSent-1))
		}
		changes = append(changes, change{c.began, share * again})
	}
	slices.SortStableFunc(changes, func(x, y change) int { return cmp.Or(x.at.Compare(y.at), -cmp.Compare(x.by, y.by)) })
	debt := 0
	for _, c := range changes {
		debt = max(debt+c.by, 0)
		b.at, b.debt = append(b.at, c.at), append(b.debt, debt)
	}
	return b
}

// mayBeSpent reports that nothing may have been left of the budget during a call. Those at the same time may have taken
// theirs sooner or later.
func (b budget) mayBeSpent(c *call) bool {
	for i, at := range b.at {
		if at.After(c.ended) {
			return false
		}
		last := i+1 == len(b.at) || b.at[i+1].After(c.began)
		if last && b.debt[i] > share*(reserve-blur) {
			return true
		}
	}
	return false
}
