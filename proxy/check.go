package proxy

import (
	"gateway/proxy/balance"
	"gateway/proxy/health"
)

// checked takes the verdict of the active checks on a target.
func (s *Server) checked(key health.Key, passing bool, _ string) {
	current := s.current.Load()
	m := current.members[key]
	if m == nil {
		return
	}
	if !passing {
		m.SetHealth(balance.Failing)
	} else {
		m.SetHealth(balance.Passing)
	}
	for _, r := range current.serving {
		if i := r.indexOf(m); i >= 0 {
			r.recheck(r.ready[i], passing)
		}
	}
}

// indexOf finds the target of that member, or returns -1.
func (s *serving) indexOf(m *balance.Member) int {
	for i := range s.ready {
		if s.ready[i].member == m {
			return i
		}
	}
	return -1
}

// recheck acts on a new verdict: who waits for a target that fails goes elsewhere, if there is one, and who waits for any
// target goes on when one passes.
func (s *serving) recheck(t target, passing bool) {
	switch {
	case passing:
		s.outage.release()
	case s.group.Others([]*balance.Member{t.member}):
		t.upstream.Recall()
	}
}
