package live

import (
	"time"

	"gateway/proxy/balance"
	"gateway/proxy/route"
)

// Standing is the current state of a route or a target, and why it is not ready, for administrators.
type Standing struct {
	State   route.State
	Reason  string
	LastLog string
}

// Standing is the current state of the route: that of its best target, or that of its Sleeper. All that show a state use it:
// it adds what the gateway finds by itself to what the source knows.
func (r *Route) Standing(now time.Time) Standing {
	best := Standing{State: route.Stopped}
	for i := range r.Route.Targets {
		t := r.TargetStanding(&r.Route.Targets[i], now)
		if i == 0 || t.State.Before(best.State) {
			best = t
		}
	}
	if r.Sleeper != nil {
		return r.Sleeper.standing(best)
	}
	return best
}

// TargetStanding is that of one target.
func (r *Route) TargetStanding(t *route.Target, now time.Time) Standing {
	stands := Standing{t.State, t.Reason, t.LastLog}
	ready := r.Target(t)
	if ready == nil {
		return stands
	}
	if finding := ready.Contact.finding.Load(); r.Route.Check.Path != "" && ready.Balance.State(now).Health == balance.Failing {
		stands.State, stands.Reason = route.Unhealthy, "its check fails"
		if finding != nil {
			stands.Reason += ": " + *finding
		}
	}
	if why := ready.Contact.Why(); why != "" {
		stands.State, stands.Reason = route.Unreachable, why
	}
	return stands
}
