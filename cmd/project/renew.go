package project

import (
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
		Long: "Writes a new expiry into the project's compose.yaml and, when the project runs, deploys it, so that all lists show\n" +
			"the same. Nothing else in the file changes. Expiry is shown in lists; nothing stops automatically.",
		Example: "  gateway renew robots --ttl 90d\n  gateway renew robots --until 2027-06-30\n  gateway renew club --pin",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			var r projects.Renew
			var err error
			if given := ttl + until; pin == (given != "") || ttl != "" && until != "" {
				return cli.Usage(errors.New("one of --ttl, --until and --pin is needed, such as --ttl 90d"))
			} else if !pin {
				r.Until, err = projects.ParseExpiry(given, time.Now())
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
	f.StringVar(&ttl, "ttl", "", "`time` to live from today: 90d, 2w, 6m, 1y")
	f.StringVar(&until, "until", "", "last `day`, such as 2027-06-30")
	f.BoolVar(&pin, "pin", false, "remove the expiry")
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
	said := "does not expire"
	if !r.Until.IsZero() {
		said = "expires on " + r.Until.Format(time.DateOnly)
	}
	s.Env.Notef("project %s %s\n", r.Name, said)
	return nil
}
