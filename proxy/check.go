package proxy

import (
	"context"
	"fmt"
	"time"

	"gateway/proxy/admin"
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
	s.current.Load().Checked(key, passing, reason)
}
