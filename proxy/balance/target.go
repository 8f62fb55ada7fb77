package balance

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Health is the result of a target's active checks.
type Health int32

// The results of checks.
const (
	// Unchecked is the zero value: no check has finished yet.
	Unchecked Health = iota
	Passing
	Failing
)

// Kind is what went wrong with an attempt.
type Kind int32

// What goes wrong.
const (
	// Refused means that there was no connection. The first one ejects a target, since asking another loses nothing.
	Refused Kind = iota + 1
	// Broken means that the connection broke, timed out or was not HTTP before there was a response.
	Broken
	// Wrong means a response with a server error (5xx) to a request that another target then answered properly.
	Wrong
)

// The rules of ejection.
const (
	// streak is how many attempts in a row must be Broken or Wrong.
	streak = 3
	// The first ejection lasts shortest, each further one twice as long as the last, up to longest. All vary by a tenth.
	shortest = time.Second
	longest  = time.Minute
	// A target that stays well for settled, and for as long as its last ejection, begins at shortest again.
	settled = 10 * time.Second
	// overdue is how long the trial of a target that broke requests waits for a request that can be retried.
	overdue = 10 * time.Second
)

// Target is what the gateway knows of one target for as long as the target exists, from table to table. It may be in
// several groups. It is safe for concurrent use, and the zero value is ready. It must not be copied.
//
// A target that fails too often is ejected: it gets no requests while others are well. When its time is over it is on
// trial: one request at a time may try it, and the result decides whether it returns or is ejected for longer. Any other
// success of an attempt that began after the ejection ends the ejection too. Checks do not.
type Target struct {
	inflight atomic.Int64
	// until is when the ejection ends, in nanoseconds since 1970; 0 when it is not ejected.
	until  atomic.Int64
	health atomic.Int32
	// failures is how many attempts in a row were Broken or Wrong.
	failures atomic.Int32
	// latency is an estimate of how long responses take, in nanoseconds; 0 when there was none.
	latency atomic.Int64
	// epoch counts ejections. Attempts that began in an earlier epoch change nothing.
	epoch atomic.Uint64
	// since is when it was first ejected since it last returned.
	since atomic.Int64
	// hard is set when it is ejected for not accepting connections.
	hard  atomic.Bool
	trial atomic.Bool

	// mu is held while any of the above but inflight, health and latency changes.
	mu sync.Mutex
	// last is the planned duration of the last ejection; returned is when it ended.
	last     time.Duration
	returned time.Time
	cause    Kind

	// ID is what cookies are bound to: it should be stable for as long as the target exists. It is set before use, and stands
	// here so that what each request touches shares a cache line.
	ID string
}

// State is a snapshot of a Target for status and metrics.
type State struct {
	Health Health
	// Ejected is set until the target returns.
	Ejected bool
	// Left is how long it takes until the target is on trial; 0 when it is.
	Left time.Duration
	// Cause is why it is ejected; 0 if it is not.
	Cause Kind
	// Ejections is how many there were so far.
	Ejections uint64
}

// SetHealth notes the result of a check.
func (t *Target) SetHealth(h Health) { t.health.Store(int32(h)) }

// Health is the result of the last check.
func (t *Target) Health() Health { return Health(t.health.Load()) }

// Inflight is the number of attempts under way.
func (t *Target) Inflight() int64 { return t.inflight.Load() }

// Ejected reports whether the target was ejected and has not returned yet.
func (t *Target) Ejected() bool { return t.until.Load() != 0 }

// Ejections is how often the target was ejected so far, failed trials included.
func (t *Target) Ejections() uint64 { return t.epoch.Load() }

// State returns a snapshot as of now.
func (t *Target) State(now time.Time) State {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := State{Health: t.Health(), Ejections: t.epoch.Load()}
	if until := t.until.Load(); until != 0 {
		s.Ejected, s.Cause = true, t.cause
		if !t.over(now) {
			s.Left = time.Unix(0, until).Sub(now)
		}
	}
	return s
}

// soft reports whether the target is ejected for its responses.
func (t *Target) soft() bool { return t.until.Load() != 0 && !t.hard.Load() }

// over reports whether the time of the ejection is over. More time left than any ejection lasts means that the clock was
// put back, and counts as over.
func (t *Target) over(now time.Time) bool {
	left := t.until.Load() - now.UnixNano()
	return left <= 0 || left > int64(2*longest)
}

// due reports whether a request may be the target's trial. Safe says that it can be retried.
func (t *Target) due(now time.Time, safe bool) bool {
	if t.until.Load() == 0 || t.trial.Load() || !t.over(now) {
		return false
	}
	return safe || t.hard.Load() || t.over(now.Add(-overdue))
}

// eject ejects the target, or prolongs its ejection, and returns for how long. t.mu is held.
func (t *Target) eject(kind Kind, now time.Time) time.Duration {
	if t.until.Load() == 0 {
		t.since.Store(now.UnixNano())
		if now.Sub(t.returned) >= max(t.last, settled) {
			t.last = 0
		}
	}
	t.last = min(max(2*t.last, shortest), longest)
	lasts := time.Duration(float64(t.last) * (0.9 + 0.2*rand.Float64()))
	t.cause = kind
	t.hard.Store(kind == Refused)
	t.failures.Store(0)
	t.trial.Store(false)
	t.epoch.Add(1)
	t.until.Store(now.Add(lasts).UnixNano())
	return lasts
}

// comeBack ends an ejection, if there is one. t.mu is held.
func (t *Target) comeBack(now time.Time) bool {
	if t.until.Load() == 0 {
		return false
	}
	t.until.Store(0)
	t.trial.Store(false)
	t.returned = now
	return true
}
