package route

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"gateway/proxy/admin"
	"gateway/tui"
)

// inviteSource adds the problems of invite pages to the routes of the gateway, which does not know when links expire.
type inviteSource struct {
	tui.Source
	look func(ctx context.Context) map[string][]admin.Problem

	mu     sync.Mutex
	looked time.Time
	found  map[string][]admin.Problem
}

// inviteEvery is how often pages are asked while they are watched.
const inviteEvery = 30 * time.Second

// Routes returns the routes of the gateway with the problems of the invite pages among them.
func (s *inviteSource) Routes(ctx context.Context) (admin.Routes, error) {
	routes, err := s.Source.Routes(ctx)
	if err != nil {
		return routes, err
	}
	served := map[string]bool{}
	for _, r := range routes.Routes {
		served[r.Project] = true
	}
	found := s.problems(ctx)
	for _, project := range slices.Sorted(maps.Keys(found)) {
		if served[project] {
			routes.Problems = append(routes.Problems, found[project]...)
		}
	}
	return routes, nil
}

func (s *inviteSource) problems(ctx context.Context) map[string][]admin.Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.looked.IsZero() || now.Sub(s.looked) >= inviteEvery {
		s.looked, s.found = now, s.look(ctx)
	}
	return s.found
}
