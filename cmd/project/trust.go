package project

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/compose"
	"gateway/projects/policy"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// addTrustFlag declares --trust.
func addTrustFlag(f *pflag.FlagSet, names *[]string) {
	f.StringSliceVar(names, "trust", nil, "let the project break these rules, and record it in its compose.yaml; 'gateway policy' lists them")
}

// parseTrust reads --trust.
func parseTrust(names []string) (policy.Trust, error) {
	t, err := policy.ParseTrust(names)
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("--trust: %w", err))
	}
	return t, nil
}

// hold holds a project to the policy, with trust beside what its compose.yaml records, and then records it, too.
func hold(ctx context.Context, s *cli.Session, p projects.Project, t policy.Trust, taken []projects.Taken) error {
	if err := judge(ctx, s, compose.Subject{Dir: p.Dir, Name: string(p.Name), Trust: t}, taken); err != nil {
		return err
	}
	return s.Store.RecordTrust(ctx, p.Name, t)
}

// holdNew holds a new project to the policy. The path that it was made for is its own.
func holdNew(ctx context.Context, s *cli.Session, plan projects.Addition) error {
	taken, err := takenPaths(ctx, s)
	if err != nil {
		return err
	}
	tell(s.Env, plan.Notes)
	return ofSource(judge(ctx, s, compose.Subject{Dir: plan.Dir, Name: string(plan.Name)}, taken, plan.Key), plan.Dir, plan.Source)
}

// judge holds a project to the policy, and says what trust allows and which limits services get; taken are the paths of
// all that runs, own those that were chosen for this one.
func judge(ctx context.Context, session *cli.Session, s compose.Subject, taken []projects.Taken, own ...route.Key) error {
	seen, err := session.Compose.Inspect(ctx, s)
	if err != nil {
		return err
	}
	resting, mine, err := claimed(ctx, session, projects.Name(s.Name))
	if err != nil {
		return err
	}
	addresses, err := claimedAddresses(ctx, session, s.Name, seen.Subnets)
	if err != nil {
		return err
	}
	taken, own = slices.Concat(taken, resting), slices.Concat(own, mine)
	found := append(policy.Claims(s.Name, seen.Labels, held(taken), own...), addresses...)
	for i, f := range found {
		found[i] = seen.Located(f)
	}
	allowed, refused := seen.Trust.Split(found)
	if len(refused) > 0 {
		return policy.Refused(refused)
	}
	seen.Allowed = append(seen.Allowed, allowed...)
	for _, note := range seen.Notes() {
		session.Env.Notef("%s\n", note)
	}
	return nil
}

// claimed are the keys of the other projects by their folders, since those that rest just now are in no table, and the
// keys that containers of this one have already. One that was never started was perhaps refused.
func claimed(ctx context.Context, s *cli.Session, name projects.Name) (others []projects.Taken, own []route.Key, err error) {
	all, err := s.Store.List()
	if err != nil {
		return nil, nil, err
	}
	for _, p := range all {
		for _, claim := range p.Claims {
			if p.Name != name {
				others = append(others, projects.Taken{Key: claim.Key, Project: string(p.Name), By: "project " + string(p.Name)})
			}
		}
	}
	running, err := projects.Look(ctx, s.Engine, name)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range running.Containers {
		if c.State == "created" {
			continue
		}
		claims, _ := label.Parse(c.Labels)
		for _, claim := range claims {
			own = append(own, claim.Key)
		}
	}
	return others, own, nil
}

func held(taken []projects.Taken) []policy.Held {
	var all []policy.Held
	for _, t := range taken {
		all = append(all, policy.Held{Key: t.Key, Project: t.Project, By: t.By})
	}
	return all
}

// holdAgain holds a project to the policy that is put in force anew for another reason than its compose.yaml. Own are the
// paths that it is to have, or to leave.
func holdAgain(ctx context.Context, s *cli.Session, p projects.Project, own ...route.Key) error {
	taken, err := takenPaths(ctx, s)
	if err != nil && !errors.Is(err, cli.ErrNoGateway) {
		return err
	}
	return judge(ctx, s, compose.Subject{Dir: p.Dir, Name: string(p.Name)}, taken, own...)
}

// trusted are the rules that a project may break, for people.
func trusted(t policy.Trust) string {
	if len(t) == 0 {
		return "-"
	}
	return t.String()
}
