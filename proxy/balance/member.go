package balance

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Health is what active checks found of a target.
type Health int32

// What checks find.
const (
	// Unchecked is the zero value: no check came to an end yet.
	Unchecked Health = iota
	Passing
	Failing
)

// Kind is what went wrong with an attempt.
type Kind int32

// What goes wrong.
const (
	// Refused means that no connection came to be. The first one ejects a target, since nothing is lost by asking
	// another.
	Refused Kind = iota + 1
	// Broken means that the connection broke, made no sense or took too long before there was a response.
	Broken
	// Wrong means a response that says that the server failed (5xx), where another target then answered properly.
	Wrong
)

// The rules of ejection.
const (
	// streak is how many attempts have to be Broken or Wrong in a row.
	streak = 3
	// The first ejection lasts shortest, each further one twice as long as the last up to longest, all of them give or
	// take a tenth.
	shortest = time.Second
	longest  = time.Minute
	// A target that stayed well for as long as its last ejection was to last, and for settled, begins at shortest again.
	settled = 10 * time.Second
	// overdue is for how long the trial of a target that broke requests waits for one that can be sent once more.
	overdue = 10 * time.Second
)

// Member is what the gateway knows of one target, for as long as the target is there, whatever becomes of the table. It
// is safe for concurrent use, and the zero value is ready. It must not be copied.
//
// A target that fails too often is ejected: it gets no requests while others are well. When its time is over it is on
// trial: one request at a time may try it, and how that goes decides whether it returns or is ejected for longer. Any
// other success of an attempt that began after the ejection has it return too. What checks find is kept beside that, and
// ends no ejection.
type Member struct {
	inflight atomic.Int64
	// until is when the ejection ends, in nanoseconds since 1970; 0 when it is not ejected.
	until  atomic.Int64
	health atomic.Int32
	// failures is how many attempts in a row were Broken or Wrong.
	failures atomic.Int32
	// latency is an estimate of how long answers take, in nanoseconds; 0 when there was none.
	latency atomic.Int64
	// epoch counts ejections. Attempts that began in another one say nothing of this one.
	epoch atomic.Uint64
	// since is when it was ejected without having returned meanwhile.
	since atomic.Int64
	// hard is set when it is ejected for not accepting connections.
	hard  atomic.Bool
	trial atomic.Bool

	// mu is held while any of the above but inflight, health and latency changes.
	mu sync.Mutex
	// last is how long the last ejection was to last; returned is when it ended.
	last     time.Duration
	returned time.Time
	cause    Kind
}

// State is what people are told of a member.
type State struct {
	Health Health
	// Ejected is set until the target returned.
	Ejected bool
	// Left is how long it takes until the target is on trial; 0 when it is.
	Left time.Duration
	// Cause is why it is ejected; 0 if it is not.
	Cause Kind
	// Ejections is how many there were so far.
	Ejections uint64
}

// SetHealth says what checks found.
func (m *Member) SetHealth(h Health) { m.health.Store(int32(h)) }

// Health is what checks found.
func (m *Member) Health() Health { return Health(m.health.Load()) }

// Inflight is the number of attempts under way.
func (m *Member) Inflight() int64 { return m.inflight.Load() }

// Ejected reports whether the target was ejected and has not returned yet.
func (m *Member) Ejected() bool { return m.until.Load() != 0 }

// Ejections is how often the target was ejected so far, failed trials included.
func (m *Member) Ejections() uint64 { return m.epoch.Load() }

// State returns all of it as it is now.
func (m *Member) State(now time.Time) State {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := State{Health: m.Health(), Ejections: m.epoch.Load()}
	if until := m.until.Load(); until != 0 {
		s.Ejected, s.Cause = true, m.cause
		if !m.over(now) {
			s.Left = time.Unix(0, until).Sub(now)
		}
	}
	return s
}

// soft reports whether the target is ejected for how it answers.
func (m *Member) soft() bool { return m.until.Load() != 0 && !m.hard.Load() }

// over reports whether the time of the ejection is over. It is when it would take longer than any ejection lasts, too:
// the clock was put back.
func (m *Member) over(now time.Time) bool {
	left := m.until.Load() - now.UnixNano()
	return left <= 0 || left > int64(2*longest)
}

// due reports whether a request may be the target's trial.
func (m *Member) due(now time.Time, safe bool) bool {
	if m.until.Load() == 0 || m.trial.Load() || !m.over(now) {
		return false
	}
	return safe || m.hard.Load() || m.over(now.Add(-overdue))
}

// eject ejects the target, or prolongs its ejection, and returns for how long. m.mu is held.
func (m *Member) eject(kind Kind, now time.Time) time.Duration {
	if m.until.Load() == 0 {
		m.since.Store(now.UnixNano())
		if now.Sub(m.returned) >= max(m.last, settled) {
			m.last = 0
		}
	}
	m.last = min(max(2*m.last, shortest), longest)
	lasts := time.Duration(float64(m.last) * (0.9 + 0.2*rand.Float64()))
	m.cause = kind
	m.hard.Store(kind == Refused)
	m.failures.Store(0)
	m.trial.Store(false)
	m.epoch.Add(1)
	m.until.Store(now.Add(lasts).UnixNano())
	return lasts
}

// comeBack ends an ejection, if there is one. m.mu is held.
func (m *Member) comeBack(now time.Time) bool {
	if m.until.Load() == 0 {
		return false
	}
	m.until.Store(0)
	m.trial.Store(false)
	m.returned = now
	return true
}
