package balance

import "time"

// Attempt is one request on its way to one target. It is begun by Group.Pick and Group.Take and must be ended by End,
// once. It is a value of a request's own and may be copied.
type Attempt struct {
	// Target is the one that was chosen, Index its place in the group.
	Target *Target
	Index  int
	// Others is set when Pick saw that another target is well. If it is not set, ask Group.Others.
	Others bool

	began time.Time
	epoch uint64
	trial bool
}

// End says that the request is no longer under way. If it was the target's trial and has no result, since the client left,
// the next request may try.
func (a Attempt) End() {
	t := a.Target
	t.inflight.Add(-1)
	if !a.trial || !t.trial.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch.Load() == a.epoch {
		t.trial.Store(false)
	}
}

// Succeeded notes a proper response. Call it when the head of the response arrives: the time since the attempt began, if
// it is not 0, counts as the latency of the target. It returns whether this ended an ejection of the target.
func (a Attempt) Succeeded(now time.Time) (returned bool) {
	t := a.Target
	t.learn(now.Sub(a.began))
	if t.failures.Load() == 0 && t.until.Load() == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch.Load() != a.epoch {
		return false
	}
	t.failures.Store(0)
	return t.comeBack(now)
}

// Errored notes a response with a server error (5xx) that no other target answered better. That is neither a success nor
// a failure, since perhaps none could, and says nothing of the target's latency. It ends an ejection for refused
// connections, and returns whether it did.
func (a Attempt) Errored(now time.Time) (returned bool) {
	t := a.Target
	if t.until.Load() == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epoch.Load() == a.epoch && t.hard.Load() && t.comeBack(now)
}

// Failed notes what went wrong at the target; faults of the client do not count. It may follow End, since a response is
// known to be Wrong only when another target has answered. It returns how long the target is ejected for it, 0 if it is
// not. Attempts that began before the target's last ejection have no effect, nor have those that fail while it is ejected,
// except for the trial.
func (a Attempt) Failed(kind Kind, now time.Time) (ejected time.Duration) {
	t := a.Target
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.epoch.Load() != a.epoch:
		return 0
	case t.until.Load() != 0 && !a.trial && (kind != Refused || t.hard.Load()):
		return 0
	case t.until.Load() != 0, kind == Refused:
		return t.eject(kind, now)
	case t.failures.Add(1) < streak:
		return 0
	}
	return t.eject(kind, now)
}

// learn adds the time of one response to the estimate. A slow response raises it by little, however slow it is: a single
// one is no sign of a slow target. Samples that are lost to a race do not matter.
func (t *Target) learn(took time.Duration) {
	if took <= 0 {
		return
	}
	sample, estimate := int64(took), t.latency.Load()
	switch {
	case estimate == 0:
		estimate = sample
	case sample > estimate:
		estimate += min(sample-estimate, estimate)/8 + 1
	default:
		estimate -= (estimate - sample) / 4
	}
	t.latency.Store(max(estimate, 1))
}
