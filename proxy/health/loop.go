package health

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"

	"gateway/proxy/route"
)

const (
	// spread is the time over which the first checks of new targets are spread.
	spread = 100 * time.Millisecond
	// soon is the first pause after a failed check of a target that has not passed yet: most listen a moment after their
	// start. The pause doubles up to the interval.
	soon = 250 * time.Millisecond
)

// loop is the checks of one target.
type loop struct {
	target Target
	// check is the target's with its defaults.
	check route.Check
	// end ends the loop once it was started; it belongs to Run.
	end context.CancelFunc

	// The checker's mu guards the rest.
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

// positive is n if it is positive, else the default.
func positive[T cmp.Ordered](n, otherwise T) T {
	var zero T
	if n > zero {
		return n
	}
	return otherwise
}

// run checks until the context ends.
func (l *loop) run(ctx context.Context, c *Checker) {
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
			return // a cancelled check says nothing of the target
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
			// Random, since targets that were added together would always be checked at the same moment.
			passed, pause = true, rand.N(pause)
		default:
			pause = min(early, pause)
			early = 2 * pause
		}
		timer.Reset(pause)
	}
}

// verdict is the result of the checks of a target so far.
type verdict struct {
	// known reports that there was a check, passing the verdict.
	known, passing bool
	// reason is that of the last failure, while it fails.
	reason string
	// against counts the last checks in a row with the other result.
	against int
	// proven reports that a check has passed. The first that does decides at once: failures before it say only that the
	// target had not started.
	proven bool
}

// add adds the result of one more check, and reports whether that changed the verdict.
func (v *verdict) add(reason string, check *route.Check) (changed bool) {
	passing, needed := reason == "", check.Rise
	if !passing {
		needed = check.Fall
	} else if !v.proven {
		v.proven, needed = true, 1
	}
	if v.known && v.passing == passing {
		v.against, v.reason = 0, reason
		return false
	}
	v.against++
	if v.known && v.against < needed {
		return false
	}
	*v = verdict{known: true, passing: passing, reason: reason, proven: v.proven}
	return true
}
