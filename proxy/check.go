package proxy

import (
	"context"
	"fmt"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/balance"
	"gateway/proxy/engine"
	"gateway/proxy/health"
	"gateway/proxy/route"
)

// Check implements admin.Checker.
func (s *Server) Check(ctx context.Context, c admin.Check) (admin.Checked, error) {
	scheme := route.Scheme(c.Scheme)
	switch scheme {
	case route.HTTP, route.HTTPS, route.H2C:
	default:
		return admin.Checked{}, fmt.Errorf("%w: the scheme %q is not http, https or h2c", admin.ErrRefused, c.Scheme)
	}
	check := route.Check{Path: c.Path, Timeout: time.Duration(c.Timeout) * time.Millisecond}
	status, why := s.checker.Ask(ctx, health.Key{Address: c.Address, Scheme: scheme, Host: c.Host, Check: check})
	return admin.Checked{Status: status, Failure: why}, nil
}

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
