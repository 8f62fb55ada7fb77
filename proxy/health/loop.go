package health

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"

	"gateway/proxy/route"
)

const (
	// spread is the time over which the first checks of targets that come together are spread.
	spread = 100 * time.Millisecond
	// soon is the first pause of a target that has not passed yet: most listen a moment after they were started. The pause
	// doubles up to the interval.
	soon = 250 * time.Millisecond
)

// loop is the checks of one target.
type loop struct {
	target Target
	// check is the target's with its defaults.
	check route.Check
	// end ends the loop once it was started; it belongs to Run.
	end context.CancelFunc

	// What follows is guarded by the checker.
	generation uint64
	started    bool
	verdict    verdict
}

// outcome is the result of one check: the reason is empty when it passed.
type outcome struct {
	loop   *loop
	reason string
}

func newLoop(t Target) *loop {
	check := t.Check
	check.Interval = positive(check.Interval, route.CheckInterval)
	check.Timeout = positive(check.Timeout, route.CheckTimeout)
	check.Rise = positive(check.Rise, route.CheckRise)
	check.Fall = positive(check.Fall, route.CheckFall)
	return &loop{target: t, check: check}
}

// positive is n, or the default where n is none.
func positive[T cmp.Ordered](n, otherwise T) T {
	var zero T
	if n > zero {
		return n
	}
	return otherwise
}

// keepAsking checks until the context ends.
func (l *loop) keepAsking(ctx context.Context, c *Checker) {
	transport := c.config.Transport(l.target.Scheme)
	timer := time.NewTimer(rand.N(min(spread, l.check.Interval)))
	defer timer.Stop()
	passed, early := false, soon
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		reason := l.ask(ctx, transport)
		if ctx.Err() != nil {
			return // cut short, it says nothing of the target
		}
		select {
		case c.outcomes <- outcome{l, reason}:
		case <-ctx.Done():
			return
		}
		pause := l.check.Interval
		switch {
		case passed:
		case reason == "":
			// By chance: targets that came together would be asked at one moment for ever.
			passed, pause = true, rand.N(pause)
		default:
			pause = min(early, pause)
			early = 2 * pause
		}
		timer.Reset(pause)
	}
}

// verdict is what the checks of a target say so far.
type verdict struct {
	health Health
	// reason is that of the last failure, while it fails.
	reason string
	// against counts the checks in a row that spoke against the verdict.
	against int
	// proven is whether a check has passed yet. The first that does decides at once, whatever failed before it: the target
	// had not started, which says nothing of how steady it is.
	proven bool
}

// add takes the result of one more check.
func (v *verdict) add(reason string, check *route.Check) {
	found, needed := Passing, check.Rise
	if reason != "" {
		found, needed = Failing, check.Fall
	} else if !v.proven {
		v.proven, needed = true, 1
	}
	if v.health == found {
		v.against, v.reason = 0, reason
		return
	}
	v.against++
	if v.health == Unknown || v.against >= needed {
		*v = verdict{health: found, reason: reason, proven: v.proven}
	}
}
