package slack

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/proxy/admin"
)

// pageProblems returns the problems of a project's invite page, with their fixes.
func pageProblems(ctx context.Context, s *cli.Session, p projects.Project, now time.Time) []admin.Problem {
	problem := func(message, fix string) admin.Problem {
		return admin.Problem{Subject: "invite page", Project: string(p.Name), Message: message, Fix: fix}
	}
	page, err := pageOf(p)
	if err != nil {
		return []admin.Problem{problem(err.Error(), "see which keys there are: gateway templates show "+inviteTemplate)}
	}
	seen, err := lookAtInvite(ctx, s, page)
	if err != nil {
		return []admin.Problem{problem(err.Error(), "gateway slack show --project "+string(p.Name))}
	}
	var all []admin.Problem
	for _, warning := range seen.warnings(now) {
		all = append(all, problem(warning.Message, warning.Fix))
	}
	return all
}

// Problems returns the problems of all invite pages by project. Without an invite page it connects to nothing.
func Problems(ctx context.Context, env *cli.Env) map[string][]admin.Problem {
	store, err := projects.NewStore(env.ProjectsRoot())
	if err != nil {
		return nil
	}
	all, err := store.List()
	// Whoever lists projects says what is wrong with the folder itself.
	if err != nil || len(invites(all)) == 0 {
		return nil
	}
	s, err := env.Session()
	if err != nil {
		return nil
	}
	defer s.Close()
	return ProblemsIn(ctx, s, all)
}

// ProblemsIn returns, by project, the problems of the invite pages among the projects, as Problems does.
func ProblemsIn(ctx context.Context, s *cli.Session, all []projects.Project) map[string][]admin.Problem {
	found := map[string][]admin.Problem{}
	for _, p := range invites(all) {
		if all := pageProblems(ctx, s, p, time.Now()); len(all) > 0 {
			found[string(p.Name)] = all
		}
	}
	return found
}

// Warnings are the problems in words.
func Warnings(ctx context.Context, env *cli.Env) []string {
	var all []string
	found := Problems(ctx, env)
	for _, project := range slices.Sorted(maps.Keys(found)) {
		for _, p := range found[project] {
			all = append(all, fmt.Sprintf("project %s: %s; %s", project, p.Message, p.Fix))
		}
	}
	return all
}
