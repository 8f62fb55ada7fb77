package proxy

import (
	"time"

	"gateway/proxy/limit"
	"gateway/proxy/metric"
	"gateway/proxy/traffic"
)

// metrics are what the server shows of itself at /metrics.
func (s *Server) metrics() metric.Source {
	source := metric.Source{
		Version:     s.config.Version,
		Snapshot:    func() traffic.Snapshot { return s.traffic.Snapshot(time.Now()) },
		Table:       s.tableMetrics,
		Connections: func() metric.Admitted { return admittedOf(s.limiter.admission.Conns, s.limiter.admission.CountConns()) },
		UnderWay: func() metric.Admitted {
			return admittedOf(s.limiter.admission.Requests, s.limiter.admission.CountRequests())
		},
		Reported: s.reported,
	}
	if s.config.Certificates != nil {
		source.Certificates = s.certificateMetrics
	}
	if s.config.AccessLog != nil {
		source.LostLines = s.config.AccessLog.Dropped
	}
	return source
}

func (s *Server) tableMetrics() metric.Table {
	current, now := s.current.Load(), time.Now()
	if current.Table == nil {
		return metric.Table{}
	}
	routes := current.Routes()
	table := metric.Table{
		Revision: current.Version.Revision,
		Problems: len(current.Table.Problems()),
		Routes:   make([]metric.Route, len(routes)),
	}
	for i, r := range routes {
		waiting := r.Outage.Waiting()
		if p := s.pauses.Of(r.Route.Key, now); p != nil {
			waiting += p.Waiting()
		}
		table.Routes[i] = metric.Route{Key: r.Key, Targets: r.TargetStates(), Waiting: waiting}
	}
	return table
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
