package project

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newRenew(env *cli.Env) *cobra.Command {
	var ttl, until string
	var pin bool
	var dry dryRun
	c := &cobra.Command{
		Use:   "renew NAME",
		Short: "Change when a project expires",
		Long: "Begins a new term: writes the expiry into the project's compose.yaml and, when the project runs, deploys it, so that\n" +
			"all lists show the same. A project that 'gateway expire' suspended is started again. Nothing else in the file\n" +
			"changes. A project with --pin never expires.",
		Example: "  gateway renew robots\n  gateway renew robots --ttl 90d\n  gateway renew robots --until 2027-06-30\n  gateway renew club --pin",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			var r projects.Renew
			var err error
			now := time.Now()
			r.On = projects.Today(now)
			given := cmp.Or(ttl+until, projects.DefaultTerm.String())
			if pin && ttl+until != "" || ttl != "" && until != "" {
				return cli.Usage(errors.New("only one of --ttl, --until and --pin applies"))
			}
			if !pin {
				r.Until, err = projects.ParseExpiry(given, now)
			}
			if err != nil {
				return cli.Usage(err)
			}
			return env.ChangeProject(c.Context(), args[0], func(ctx context.Context, s *cli.Session, p projects.Project) error {
				r.Name = p.Name
				return runRenew(ctx, s, r, dry)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&ttl, "ttl", "", "`time` to live from today: 90d, 2w, 6m, 1y (default "+projects.DefaultTerm.String()+")")
	f.StringVar(&until, "until", "", "last `day`, such as 2027-06-30")
	f.BoolVar(&pin, "pin", false, "remove the expiry; the project never expires")
	dry.flags(c)
	return c
}

func runRenew(ctx context.Context, s *cli.Session, r projects.Renew, dry dryRun) error {
	life, err := life(s)
	if err != nil {
		return err
	}
	if c, err := dry.change(ctx, s, life, r); c == nil || err != nil {
		return err
	}
	said := "is pinned, and never expires"
	if !r.Until.IsZero() {
		said = "expires on " + r.Until.Format(time.DateOnly)
	}
	s.Env.Notef("project %s %s\n", r.Name, said)
	return nil
}
