package project

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/compose"
	"gateway/projects/policy"
	"gateway/proxy/route"
)

// addTrustFlag declares --trust.
func addTrustFlag(f *pflag.FlagSet, names *[]string) {
	f.StringSliceVar(names, "trust", nil, "`rules` that the project may break, recorded in its compose.yaml; 'gateway policy' lists them")
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
func hold(ctx context.Context, s *cli.Session, p projects.Project, t policy.Trust) error {
	if err := judge(ctx, s, compose.Subject{Dir: p.Dir, Name: string(p.Name), Trust: t}); err != nil {
		return err
	}
	return s.Store.RecordTrust(ctx, p.Name, t)
}

// judge holds a project to the policy, and says what trust allows and which limits services get; own are the paths that
// were chosen for it.
func judge(ctx context.Context, session *cli.Session, s compose.Subject, own ...route.Key) error {
	life, err := life(session)
	if err != nil {
		return err
	}
	notes, err := life.CheckPolicy(ctx, s, own...)
	tell(session.Env, notes)
	return err
}

// trusted are the rules that a project may break, for people.
func trusted(t policy.Trust) string {
	if len(t) == 0 {
		return "-"
	}
	return t.String()
}
