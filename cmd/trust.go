package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
		return nil, usageError{fmt.Errorf("--trust: %w", err)}
	}
	return t, nil
}

// hold holds a project to the policy, with trust beside what its compose.yaml records, and then records it, too.
func hold(ctx context.Context, w *workshop, p projects.Project, t policy.Trust, taken []projects.Taken) error {
	if err := judge(ctx, w, compose.Subject{Dir: p.Dir, Name: string(p.Name), Trust: t}, taken); err != nil {
		return err
	}
	return w.store.RecordTrust(ctx, p.Name, t)
}

// holdNew holds a new project to the policy. The path that it was made for is its own.
func holdNew(ctx context.Context, w *workshop, plan projects.Addition) error {
	taken, err := w.taken(ctx)
	if err != nil {
		return err
	}
	tell(w.env, plan.Notes)
	return ofSource(judge(ctx, w, compose.Subject{Dir: plan.Dir, Name: string(plan.Name)}, taken, plan.Key), plan.Dir, plan.Source)
}

// judge holds a project to the policy, and says what trust allows and which limits services get; taken are the paths of
// all that runs, own those that were chosen for this one.
func judge(ctx context.Context, w *workshop, s compose.Subject, taken []projects.Taken, own ...route.Key) error {
	seen, err := w.compose.Inspect(ctx, s)
	if err != nil {
		return err
	}
	resting, mine, err := claimed(ctx, w, projects.Name(s.Name))
	if err != nil {
		return err
	}
	addresses, err := claimedAddresses(ctx, w, s.Name, seen.Subnets)
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
		w.env.notef("%s\n", note)
	}
	return nil
}

// claimed are the keys of the other projects by their folders, since those that rest just now are in no table, and the
// keys that containers of this one have already. One that was never started was perhaps refused.
func claimed(ctx context.Context, w *workshop, name projects.Name) (others []projects.Taken, own []route.Key, err error) {
	all, err := w.store.List()
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
	running, err := projects.Look(ctx, w.engine, name)
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
func holdAgain(ctx context.Context, w *workshop, p projects.Project, own ...route.Key) error {
	taken, err := w.taken(ctx)
	if err != nil && !errors.Is(err, errNoGateway) {
		return err
	}
	return judge(ctx, w, compose.Subject{Dir: p.Dir, Name: string(p.Name)}, taken, own...)
}

func newPolicy(env *Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "policy",
		Short: "List the rules that projects are held to",
		Long: "Lists what a project's compose.yaml may not ask of the machine, by the names that --trust takes: gateway add and\n" +
			"gateway deploy refuse it with file, line, rule and fix. Those marked with a star cannot be trusted away.",
		Example: "  gateway policy\n  gateway deploy shop --trust ports,mounts",
		Args:    usage(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return runPolicy(env, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runPolicy(env *Env, asJSON bool) error {
	if asJSON {
		return env.json(struct {
			Rules []policy.Doc `json:"rules"`
		}{policy.Rules()})
	}
	w := env.table()
	w.row("RULE\tREFUSES\tWHY\tFIX")
	for _, d := range policy.Rules() {
		name := string(d.Name)
		if d.Fixed {
			name += " *"
		}
		w.row("%s\t%s\t%s\t%s", name, d.Refuses, d.Why, d.Mend)
	}
	return w.flush("the rules")
}

// trusted are the rules that a project may break, for people.
func trusted(t policy.Trust) string {
	if len(t) == 0 {
		return "-"
	}
	return t.String()
}
