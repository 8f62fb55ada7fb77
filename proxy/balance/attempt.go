package balance

import "time"

// Attempt is one request on its way to one target. It is begun by Group.Pick and Group.Take and must be ended by End,
// once. It is a value of a request's own and may be copied.
type Attempt struct {
	// Member is the target's, Index its place in the group that was asked.
	Member *Member
	Index  int
	// Others is set when another target was seen to be well; if it is not, Group.Others knows.
	Others bool

	began time.Time
	epoch uint64
	trial bool
}

// End says that the request is no longer under way. If it was the target's trial and nothing was said of how it went,
// the next request may try: the client may have left.
func (a Attempt) End() {
	m := a.Member
	m.inflight.Add(-1)
	if !a.trial || !m.trial.Load() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch.Load() == a.epoch {
		m.trial.Store(false)
	}
}

// Succeeded reports a proper response. Call it when the head of the response has arrived: the time since the attempt began,
// if it is not 0, counts as the latency of the target. It returns whether this ended an ejection of the target.
func (a Attempt) Succeeded(now time.Time) (returned bool) {
	m := a.Member
	m.learn(now.Sub(a.began))
	if m.failures.Load() == 0 && m.until.Load() == 0 {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch.Load() != a.epoch {
		return false
	}
	m.failures.Store(0)
	return m.comeBack(now)
}

// Errored says that the target answered that the server failed (5xx), and that no other answered better: perhaps none
// could. That is neither a success nor a failure, and a target that is quick to say so is no fast one. Only if it was
// ejected for refusing connections it returns, which is reported.
func (a Attempt) Errored(now time.Time) (returned bool) {
	m := a.Member
	if m.until.Load() == 0 {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch.Load() == a.epoch && m.hard.Load() && m.comeBack(now)
}

// Failed says what went wrong at the target, and is not to be called for what the client did. It may follow End, since
// that a response was wrong is known only when another target answered. It returns for how long the target is ejected
// because of this, and 0 if it is not. What began before the target's last ejection has no effect, nor has what fails
// while it is ejected, unless it was the trial.
func (a Attempt) Failed(kind Kind, now time.Time) (ejected time.Duration) {
	m := a.Member
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.epoch.Load() != a.epoch:
		return 0
	case m.until.Load() != 0 && !a.trial && (kind != Refused || m.hard.Load()):
		return 0
	case m.until.Load() != 0, kind == Refused:
		return m.eject(kind, now)
	case m.failures.Add(1) < streak:
		return 0
	}
	return m.eject(kind, now)
}

// learn takes the time of one response into the estimate. Slow answers raise it by little, however slow they are: one that
// happens to be is no sign of a slow target. Samples that are lost to a race do not matter.
func (m *Member) learn(took time.Duration) {
	if took <= 0 {
		return
	}
	sample, estimate := int64(took), m.latency.Load()
	switch {
	case estimate == 0:
		estimate = sample
	case sample > estimate:
		estimate += min(sample-estimate, estimate)/8 + 1
	default:
		estimate -= (estimate - sample) / 4
	}
	m.latency.Store(max(estimate, 1))
}
