package proxy

import (
	"gateway/proxy/balance"
	"gateway/proxy/engine"
	"gateway/proxy/health"
)

// checked takes the verdict of the active checks on a target.
func (s *Server) checked(key health.Key, passing bool, reason string) {
	current := s.current.Load()
	m := current.members[key]
	if m == nil {
		return
	}
	current.contacts[key].checked(reason)
	if !passing {
		m.SetHealth(balance.Failing)
		current.recall(m)
		return
	}
	m.SetHealth(balance.Passing)
	for _, r := range current.serving {
		if r.indexOf(m) >= 0 {
			r.outage.release()
		}
	}
}

// recall has those who wait for a target that fails go elsewhere, unless one of its routes has no other.
func (s *snapshot) recall(m *balance.Member) {
	var failing *engine.Upstream
	for _, r := range s.serving {
		if i := r.indexOf(m); i >= 0 {
			failing = r.ready[i].upstream
		}
	}
	if failing == nil {
		return
	}
	for _, r := range s.serving {
		for _, t := range r.ready {
			if t.upstream == failing && !r.group.Others([]*balance.Member{t.member}) {
				return
			}
		}
	}
	failing.Recall()
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
