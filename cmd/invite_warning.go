package cmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"gateway/projects"
	"gateway/proxy/admin"
	"gateway/tui"
)

// inviteProblems says what somebody should do about the invite page of a project.
func (w *workshop) inviteProblems(ctx context.Context, p projects.Project, now time.Time) []admin.Problem {
	problem := func(message, mend string) admin.Problem {
		return admin.Problem{Subject: "invite page", Project: string(p.Name), Message: message, Mend: mend}
	}
	page, err := pageOf(p)
	if err != nil {
		return []admin.Problem{problem(err.Error(), "see which keys there are: gateway templates show "+inviteTemplate)}
	}
	seen, err := w.lookAtInvite(ctx, page)
	if err != nil {
		return []admin.Problem{problem(err.Error(), "gateway slack show --project "+string(p.Name))}
	}
	var all []admin.Problem
	for _, warning := range seen.warnings(now) {
		all = append(all, problem(warning.Message, warning.Mend))
	}
	return all
}

// inviteProblems are those of all projects here, by name. Where there are none nobody is asked anything.
func inviteProblems(ctx context.Context, env *Env) map[string][]admin.Problem {
	w, err := env.workshop()
	if err != nil {
		return nil
	}
	defer w.close()
	return w.allInviteProblems(ctx)
}

func (w *workshop) allInviteProblems(ctx context.Context) map[string][]admin.Problem {
	// Who lists projects says what is wrong with the folder itself.
	pages, err := w.invites()
	if err != nil {
		return nil
	}
	found := map[string][]admin.Problem{}
	for _, p := range pages {
		if all := w.inviteProblems(ctx, p, time.Now()); len(all) > 0 {
			found[string(p.Name)] = all
		}
	}
	return found
}

// inviteWarnings are the problems in words.
func inviteWarnings(ctx context.Context, env *Env) []string {
	var all []string
	found := inviteProblems(ctx, env)
	for _, project := range slices.Sorted(maps.Keys(found)) {
		for _, p := range found[project] {
			all = append(all, fmt.Sprintf("project %s: %s; %s", project, p.Message, p.Mend))
		}
	}
	return all
}

// inviteSource adds what is wrong with invite pages to the routes that the gateway shows: it knows routes, and only the
// projects' folders know how long a link lives.
type inviteSource struct {
	tui.Source
	look func(ctx context.Context) map[string][]admin.Problem

	mu     sync.Mutex
	looked time.Time
	found  map[string][]admin.Problem
}

// inviteEvery is how often pages are asked while somebody watches.
const inviteEvery = 30 * time.Second

// Routes are those of the gateway, with the problems of the pages that it serves.
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
