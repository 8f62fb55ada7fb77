package proxy

import (
	"time"

	"gateway/proxy/balance"
	"gateway/proxy/limit"
	"gateway/proxy/metric"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// ejected is the state of a target that takes no requests because they failed, as metrics name it. No table has it.
const ejected = "ejected"

// figures are the server's, as metrics show them.
type figures struct{ *Server }

func (f figures) source() metric.Source {
	source := metric.Source{
		Version:     f.config.Version,
		Ledger:      func() traffic.Ledger { return f.book.Ledger(time.Now()) },
		Table:       f.table,
		Connections: f.connections,
		UnderWay:    f.underWay,
		Agent:       f.reported,
	}
	if f.config.AccessLog != nil {
		source.LostLines = f.config.AccessLog.Dropped
	}
	return source
}

func (f figures) table() metric.Table {
	current, now := f.current.Load(), time.Now()
	if current.table == nil {
		return metric.Table{}
	}
	routes := current.table.Routes()
	told := metric.Table{
		Revision: current.version.revision,
		Problems: len(current.table.Problems()),
		Routes:   make([]metric.Route, len(routes)),
	}
	for i := range routes {
		s := current.serving[&routes[i]]
		waiting := s.outage.waiting()
		if p := f.pauses.paused(routes[i].Key, now); p != nil {
			waiting += p.line.Len()
		}
		told.Routes[i] = metric.Route{Key: s.key, Targets: s.states(), Waiting: waiting}
	}
	return told
}

// states counts the targets by what they are good for.
func (s *serving) states() map[string]int {
	count := make(map[string]int, 1)
	for i := range s.route.Targets {
		count[s.stateOf(&s.route.Targets[i])]++
	}
	return count
}

// stateOf is what the table says of a target, unless requests or checks that failed say more.
func (s *serving) stateOf(t *route.Target) string {
	switch m := s.memberOf(t); {
	case m == nil:
		return string(t.State)
	case m.Health() == balance.Failing:
		return string(route.Unhealthy)
	case m.Ejected():
		return ejected
	}
	return string(t.State)
}

// waiting is the number of requests that wait.
func (o *outage) waiting() int {
	if line := o.line.Load(); line != nil {
		return line.Len()
	}
	return 0
}

func (f figures) connections() metric.Admitted {
	a := &f.door.admission
	return admittedOf(a.Conns, a.CountConns())
}

func (f figures) underWay() metric.Admitted {
	a := &f.door.admission
	return admittedOf(a.Requests, a.CountRequests())
}

func admittedOf(b limit.Bounds, now limit.Counts) metric.Admitted {
	return metric.Admitted{
		Open: now.Open,
		Most: map[string]int{string(limit.InAll): b.All, string(limit.PerClient): b.PerClient},
		Refused: map[string]uint64{
			string(limit.InAll):     now.FullRefusals,
			string(limit.PerClient): now.ClientRefusals,
		},
	}
}

// reported is when the agent last reported.
func (f figures) reported() time.Time {
	if agent := f.agent.Load(); agent != nil {
		return agent.Reported
	}
	return time.Time{}
}
