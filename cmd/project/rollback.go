package project

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newRollback(env *cli.Env) *cobra.Command {
	var dry dryRun
	c := &cobra.Command{
		Use:   "rollback NAME [VERSION]",
		Short: "Go back to an earlier version of a project",
		Long: "Goes back to the previous version, or to VERSION; 'gateway show NAME' lists the versions. A second rollback\n" +
			"undoes the first. A site changes between two requests; in a project made from a compose file or Dockerfile,\n" +
			"services that differ get new containers. All versions are kept, with edits in them, and so is what containers\n" +
			"write.",
		Example: "  gateway rollback robots\n  gateway rollback robots 3\n  gateway rollback robots --dry-run",
		Args:    cli.Args(cobra.RangeArgs(1, 2)),
		RunE: func(c *cobra.Command, args []string) error {
			number := 0
			if len(args) > 1 {
				var err error
				if number, err = strconv.Atoi(args[1]); err != nil || number < 1 {
					return cli.Usage(fmt.Errorf("version %q: it takes a number of at least 1; 'gateway show %s' lists the versions", args[1], args[0]))
				}
			}
			return env.ChangeProject(c.Context(), args[0], func(ctx context.Context, s *cli.Session, p projects.Project) error {
				return runRollback(ctx, s, projects.Rollback{Name: p.Name, Number: number}, dry)
			})
		},
	}
	dry.flags(c)
	return c
}

func runRollback(ctx context.Context, s *cli.Session, r projects.Rollback, dry dryRun) error {
	life, err := life(s)
	if err != nil {
		return err
	}
	c, err := dry.change(ctx, s, life, r)
	switch {
	case c == nil || err != nil:
		return err
	case !c.Made:
		s.Env.Notef("version %d is current already\n", c.Release.Number)
	default:
		s.Env.Donef("version %d of %s is current and replaces version %d; back with: gateway rollback %s\n",
			c.Release.Number, c.Release.Made.Local().Format(time.DateTime), c.From.Number, r.Name)
	}
	return nil
}
