package proxy

import (
	"time"

	"gateway/proxy/balance"
	"gateway/proxy/route"
)

// standing is the state of a route or a target as it is now, and why it is not ready, in words for those who administer
// the gateway.
type standing struct {
	state   route.State
	reason  string
	lastLog string
}

// standing is the route's. It is the one place where its state is told from: the table has what the source knows, and
// this adds what the gateway itself finds. The route is in the state of the target that is closest to answering.
func (s *serving) standing(now time.Time) standing {
	best := standing{state: route.Stopped}
	for i := range s.route.Targets {
		t := s.targetStanding(&s.route.Targets[i], now)
		if i == 0 || t.state.Before(best.state) {
			best = t
		}
	}
	if s.sleeper != nil {
		return s.sleeper.standing(best)
	}
	return best
}

// targetStanding is that of one target.
func (s *serving) targetStanding(t *route.Target, now time.Time) standing {
	told := standing{t.State, t.Reason, t.LastLog}
	ready := s.readyAs(t)
	if ready == nil {
		return told
	}
	if finding := ready.contact.finding.Load(); s.route.Check.Path != "" && ready.member.State(now).Health == balance.Failing {
		told.state, told.reason = route.Unhealthy, "its check fails"
		if finding != nil {
			told.reason += ": " + *finding
		}
	}
	if why := ready.contact.why(); why != "" {
		told.state, told.reason = route.Unreachable, why
	}
	return told
}
