package project

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newRemove(env *cli.Env) *cobra.Command {
	var yes bool
	var dry dryRun
	c := &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"remove"},
		Short:   "Remove a project with its volumes and folder",
		Long: "Removes the containers, networks, volumes and folder of a project, with all data in them, after asking for\n" +
			"confirmation. It also removes a project of which only the folder or only the containers exist.",
		Example: "  gateway rm robots\n  gateway rm robots --dry-run\n  gateway rm robots --yes",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return env.Change(c.Context(), func(ctx context.Context, s *cli.Session) error { return runRemove(ctx, s, args[0], yes, dry) })
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "remove without asking")
	dry.flags(c)
	return c
}

func runRemove(ctx context.Context, s *cli.Session, arg string, yes bool, dry dryRun) error {
	name, err := projects.ParseName(arg)
	if err != nil {
		return cli.Usage(err)
	}
	// Something else may have the name.
	if _, err := s.Known(ctx, arg); err != nil && !errors.Is(err, projects.ErrNoProject) {
		return err
	}
	life, err := life(s)
	if err != nil {
		return err
	}
	if !yes {
		life.Planned = func(c *projects.Change) error {
			return s.Env.Confirm(fmt.Sprintf("%s\nRemove project %s?", strings.Join(c.Texts(), "\n"), name))
		}
	}
	if c, err := dry.change(ctx, s, life, projects.Remove{Name: name}); c == nil || err != nil {
		return err
	}
	s.Env.Donef("project %s is removed\n", name)
	return nil
}
