package project

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/subnet"
	"gateway/proxy/label"
)

type removeOptions struct {
	yes                bool
	redirect, to, pool string
	dryRun
}

func newRemove(env *cli.Env) *cobra.Command {
	var o removeOptions
	c := &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"remove"},
		Short:   "Remove a project with its volumes and folder",
		Long: "Removes the containers, networks, volumes and folder of a project, with all data in them, after asking for\n" +
			"confirmation. It also removes a project of which only the folder or only the containers exist.\n\n" +
			"With --redirect and --to, a project of the same name takes its place that only redirects its paths, with status\n" +
			"308, until the stated day. The paths answer throughout. See 'gateway help expiry'.",
		Example: "  gateway rm robots\n  gateway rm robots --dry-run\n  gateway rm robots --yes" +
			"\n  gateway rm robots --redirect 90d --to /chess\n  gateway rm robots --redirect 2027-06-30 --to https://example.org/robots",
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			name, err := projects.ParseName(args[0])
			if err != nil {
				return cli.Usage(err)
			}
			verb, err := o.verb(env, name)
			if err != nil {
				return err
			}
			return env.Change(c.Context(), func(ctx context.Context, s *cli.Session) error { return runRemove(ctx, s, name, verb, o) })
		},
	}
	f := c.Flags()
	f.BoolVarP(&o.yes, "yes", "y", false, "remove without asking")
	f.StringVar(&o.redirect, "redirect", "", "redirect its paths for a time, such as 90d, or until a date")
	f.StringVar(&o.to, "to", "", "`path or URL` to redirect to, with --redirect")
	f.StringVar(&o.pool, "pool", "", "address `pool` for the network of the redirect (default $GATEWAY_POOL, else "+subnet.DefaultPool+")")
	o.flags(c)
	return c
}

// verb reads the flags.
func (o removeOptions) verb(env *cli.Env, name projects.Name) (projects.Verb, error) {
	switch {
	case o.redirect == "" && o.to != "":
		return nil, cli.Usage(errors.New("--to says where to redirect, and --redirect is missing: it takes for how long, such as --redirect 90d"))
	case o.redirect == "" && o.pool != "":
		return nil, cli.Usage(errors.New("--pool is for the network of a redirect; leave it out, or add --redirect and --to"))
	case o.redirect == "":
		return projects.Remove{Name: name}, nil
	case o.to == "":
		return nil, cli.Usage(errors.New("--redirect needs --to: the path or URL to redirect to, such as --to /chess or --to https://example.org/chess"))
	}
	now := time.Now()
	r := projects.RemoveRedirect{Name: name, To: o.to, On: projects.Today(now)}
	var err error
	if r.Until, err = projects.ParseExpiry(o.redirect, now); err != nil {
		return nil, cli.Usage(fmt.Errorf("--redirect: %w", err))
	}
	if err := label.CheckRedirect(o.to); err != nil {
		return nil, cli.Usage(fmt.Errorf("--to: %w", err))
	}
	r.Pool, err = cli.ParsePool(env, o.pool)
	return r, err
}

func runRemove(ctx context.Context, s *cli.Session, name projects.Name, verb projects.Verb, o removeOptions) error {
	// Something else may have the name.
	if _, err := s.Known(ctx, string(name)); err != nil && !errors.Is(err, projects.ErrNoProject) {
		return err
	}
	life, err := life(s)
	if err != nil {
		return err
	}
	if !o.yes {
		life.Planned = func(c *projects.Change) error {
			tell(s.Env, c.Notes)
			return s.Env.Confirm(fmt.Sprintf("%s\nRemove project %s?", strings.Join(c.Texts(), "\n"), name))
		}
	}
	c, err := o.change(ctx, s, life, verb)
	if c == nil || err != nil {
		return err
	}
	if o.redirect == "" {
		s.Env.Donef("project %s is removed\n", name)
		return nil
	}
	s.Env.Donef("project %s is removed, and redirects to %s until %s\n", name, o.to, c.Project.Expires.Format(time.DateOnly))
	return printServed(ctx, s, c.Project)
}
