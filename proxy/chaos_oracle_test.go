package proxy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// oracle judges by what clients received and by what reached the replicas. The rules of retries are those of README:
// connection failures, any method; sent and without a response, GET, HEAD, OPTIONS, PUT and DELETE with a body that came
// whole, or none; 500, 502, 503 and 504, GET, HEAD and OPTIONS. At most two times, and as the budget of the route allows;
// never after a response began.
type oracle struct {
	chaos *chaos
	lines map[string]*accessLine
}

// maxSent is how often a request is sent at most, and reserve and share what the budget allows. Blur is how many retries
// more or less there may have been than it seems, since many requests are under way.
const (
	maxSent = 3
	reserve = 100
	share   = 5
	blur    = 30
)

// judge reports all that breaks the rules, and a run without faults.
func (o oracle) judge() {
	outcomes := map[string]int{}
	byApp := map[*chaosApp][]*traced{}
	for _, q := range o.chaos.requests {
		slices.SortFunc(q.attempts, func(a, b *attempt) int { return a.at.Compare(b.at) })
		byApp[q.app] = append(byApp[q.app], q)
	}
	for _, app := range o.chaos.apps {
		b := o.budgetOf(byApp[app])
		for _, q := range byApp[app] {
			o.checkAttempts(q)
			outcomes[o.checkResponse(q, b)]++
		}
		if !app.wild && b.least > reserve+len(byApp[app])/share {
			o.chaos.errorf("%s: %d of %d requests were sent again", app.name, b.least, len(byApp[app]))
		}
		o.chaos.t.Logf("%-8s %5d requests, %4d sent again, %2d replicas", app.name, len(byApp[app]), b.least, len(app.replicas))
	}
	for _, outcome := range slices.Sorted(maps.Keys(outcomes)) {
		o.chaos.t.Logf("%6d %s", outcomes[outcome], outcome)
	}
	for _, outcome := range []string{"whole", "the gateway's page", "broken off", "left"} {
		if outcomes[outcome] == 0 {
			o.chaos.t.Errorf("no request is %s: there was no chaos", outcome)
		}
	}
}

func idempotent(method string) bool { return safe(method) || method == "PUT" || method == "DELETE" }

func safe(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

// tries is how many targets were given the request, or the same one again. A kept connection that breaks before there is a
// response may have been closed before the request came, so it is sent once more over a new one.
func (q *traced) tries() int {
	n := 0
	broken := map[*replica]int{}
	for _, a := range q.attempts {
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
func (q *traced) unseen() int {
	n := 0
	for _, r := range q.app.replicas {
		if !slices.ContainsFunc(q.attempts, func(a *attempt) bool { return a.replica == r }) && slices.ContainsFunc(r.faulty, func(p period) bool {
			return p.as == frozen && p.overlaps(q.began, q.ended) || p.as == stopped && !p.from.Before(q.began) && !p.from.After(q.ended)
		}) {
			n++
		}
	}
	return n
}

// hadOther reports that a target was ready and worked all the time. Spotless asks for one that always did: others may be
// ejected still.
func (q *traced) hadOther(spotless bool) bool {
	from := q.began
	if spotless {
		from = time.Time{}
	}
	return slices.ContainsFunc(q.app.replicas, func(r *replica) bool { return r.wasReady(q) && !r.wasFaulty(from, q.ended) })
}

// wasReady reports that the table had it as ready all the time of a request.
func (r *replica) wasReady(q *traced) bool {
	return slices.ContainsFunc(r.ready, func(p period) bool { return p.covers(q.began, q.ended) })
}

// wasFaulty reports that the replica did not work at some time between the two.
func (r *replica) wasFaulty(from, to time.Time) bool {
	return slices.ContainsFunc(r.faulty, func(p period) bool { return p.overlaps(from, to) })
}

// lostResponses reports that a response of the replica may not have left it, or that the gateway did not wait for it: it
// takes requests elsewhere that wait for a target whose check fails.
func (r *replica) lostResponses(q *traced) bool {
	from := hanging
	if q.app.policy.Check.Path != "" {
		from = failing
	}
	return slices.ContainsFunc(r.faulty, func(p period) bool { return p.as >= from && p.overlaps(q.began, q.ended) })
}

// checkAttempts reports a request that reached a replica that it must not.
func (o oracle) checkAttempts(q *traced) {
	if n := len(q.attempts); n > 1 && (!idempotent(q.method) || q.streamed && !q.app.wild) {
		o.report(q, fmt.Sprintf("was sent %d times", n))
	}
	if q.app.wild {
		return
	}
	if n := q.tries(); n > maxSent {
		o.report(q, fmt.Sprintf("was sent %d times", n))
	}
	if line := o.lines[q.id]; line != nil && line.Retries < q.tries()-1 {
		o.report(q, "was sent again, which the access log does not say")
	}
	lost := slices.ContainsFunc(q.attempts, func(a *attempt) bool { return a.replica.lostResponses(q) })
	for i, a := range q.attempts {
		// Replicas that were frozen read late what they were sent first.
		if i+1 < len(q.attempts) && a.done && a.status >= 500 && !safe(q.method) && !lost {
			o.report(q, "had a response and was sent again")
		}
		if slices.ContainsFunc(a.replica.unused, func(p period) bool { return p.covers(q.began, a.at) }) {
			o.report(q, "reached "+a.replica.Name+", which takes no new requests")
		}
	}
	if q.sticky == "" || q.from == "" || q.fromID == q.sticky {
		return
	}
	for _, r := range q.app.replicas {
		if r.ID == q.sticky && !r.wasFaulty(time.Time{}, q.ended) && r.wasReady(q) {
			o.report(q, "was to stay with "+r.Name)
		}
	}
}

// checkResponse reports a response that should have been another one, and returns what it is.
func (o oracle) checkResponse(q *traced, b budget) string {
	line := o.lines[q.id]
	switch {
	case q.leaves:
		return "left"
	case q.unreached:
		return "not reached"
	case line == nil:
		return "not in the log"
	case q.err != nil:
		if !q.app.wild && !q.brokeOff() {
			o.report(q, "was broken off for no reason")
		}
		return "broken off"
	case q.from != "" && !q.app.wild && !slices.ContainsFunc(q.attempts, func(a *attempt) bool {
		return a.replica.Name == q.from && a.begun && a.status == q.status
	}):
		o.report(q, "has a response that no replica gave")
	case q.status == 200:
		return "whole"
	case q.app.neverFails, q.app.retriesNeverFail && idempotent(q.method) && q.whole && !b.mayBeSpent(q):
		o.report(q, "failed")
	case !q.app.wild && o.avoidable(q, line, b):
		o.report(q, "could have had another response")
	}
	if q.from != "" {
		return "an error of the app"
	}
	return "the gateway's page"
}

// brokeOff reports that a replica began the response and did not end it, or stopped before all of it had left.
func (q *traced) brokeOff() bool {
	return slices.ContainsFunc(q.attempts, func(a *attempt) bool {
		return a.begun && (!a.done || slices.ContainsFunc(a.replica.faulty, func(p period) bool {
			return p.as == stopped && !p.from.Before(a.at) && !p.from.After(q.ended)
		}))
	})
}

// avoidable reports that by the rules another attempt would have avoided an error.
func (o oracle) avoidable(q *traced, line *accessLine, b budget) bool {
	sentEnough := q.tries()+q.unseen() >= maxSent || b.mayBeSpent(q)
	checked := q.app.policy.Check.Path != ""
	switch {
	case q.from != "":
		return safe(q.method) && !sentEnough && q.hadOther(true)
	case line.Error != "bad_answer":
		return q.hadOther(checked)
	case idempotent(q.method) && q.whole:
		return !sentEnough && q.hadOther(checked)
	case idempotent(q.method) && !q.streamed:
		return false
	}
	// It was lost with the target that had it, which has to be a faulty one.
	return !slices.ContainsFunc(q.app.replicas, func(r *replica) bool { return r.Name == line.Target && r.wasFaulty(q.began, q.ended) })
}

// report says all that is known of a request.
func (o oracle) report(q *traced, what string) {
	text := ""
	for _, a := range q.attempts {
		text += fmt.Sprintf("\n\t%v at %s: kept %t, %d begun %t done %t", a.at.Sub(q.began), a.replica.Name, a.kept, a.status, a.begun, a.done)
	}
	for _, r := range q.app.replicas {
		if r.wasFaulty(q.began, q.ended) {
			last := r.faulty[len(r.faulty)-1]
			text += fmt.Sprintf("\n\t%s (%s %s) is at %d after %v", r.Name, r.ID, r.Address, last.as, last.from.Sub(q.began))
		}
	}
	o.chaos.errorf("%s %s (%q, HTTP/2 %t, body %d, whole %t) %s: %d from %q, %v, after %v, %+v%s", q.method, q.id, q.fault, q.http2, q.body, q.whole,
		what, q.status, q.from, q.err, q.ended.Sub(q.began), o.lines[q.id], text)
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
func (o oracle) budgetOf(requests []*traced) budget {
	var b budget
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	for _, q := range requests {
		again := max(q.tries()-1, 0)
		b.least += again
		if line := o.lines[q.id]; line != nil {
			again = max(again, min(line.Retries, maxSent-1))
		}
		changes = append(changes, change{q.began, -1}, change{q.began, share * again})
	}
	slices.SortStableFunc(changes, func(x, y change) int { return cmp.Or(x.at.Compare(y.at), -cmp.Compare(x.by, y.by)) })
	debt := 0
	for _, c := range changes {
		debt = max(debt+c.by, 0)
		b.at, b.debt = append(b.at, c.at), append(b.debt, debt)
	}
	return b
}

// mayBeSpent reports that the budget may have been spent during a request. Others at the same time may have taken from it
// sooner or later.
func (b budget) mayBeSpent(q *traced) bool {
	for i, at := range b.at {
		if at.After(q.ended) {
			return false
		}
		last := i+1 == len(b.at) || b.at[i+1].After(q.began)
		if last && b.debt[i] > share*(reserve-blur) {
			return true
		}
	}
	return false
}
