package project

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

// dryRun are the flags of commands that change a project: what they would do can be printed first.
type dryRun struct{ only, json bool }

// flags adds the flags to a command.
func (d *dryRun) flags(c *cobra.Command) {
	c.Flags().BoolVar(&d.only, "dry-run", false, "check and print the plan without changing anything")
	c.Flags().BoolVar(&d.json, "json", false, "print JSON, with --dry-run")
	c.PreRunE = func(*cobra.Command, []string) error {
		if d.json && !d.only {
			return cli.Usage(errors.New("--json is about what --dry-run prints"))
		}
		return nil
	}
}

// change carries out a verb. In a dry run it prints the plan, and the change is nil.
func (d dryRun) change(ctx context.Context, s *cli.Session, life projects.Life, v projects.Verb) (*projects.Change, error) {
	if !d.only {
		c, err := life.Do(ctx, v)
		s.Progress.End()
		return c, err
	}
	c, err := life.DryRun(ctx, v)
	if err != nil {
		return nil, err
	}
	tell(s.Env, c.Notes)
	if c.Files != nil {
		return nil, printChanges(s.Env, c, d.json)
	}
	return nil, s.Env.Plan(c.Texts(), d.json)
}

// changeExisting changes a project, and prints what was done with it.
func changeExisting(ctx context.Context, env *cli.Env, arg, done string, verb func(projects.Name) projects.Verb) error {
	return env.Change(ctx, func(ctx context.Context, s *cli.Session) error {
		if err := do(ctx, s, arg, verb); err != nil {
			return err
		}
		s.Progress.End()
		s.Env.Donef("project %s is %s\n", arg, done)
		return nil
	})
}

// do changes a project. Anything else of that name is an error, which names the commands that apply.
func do(ctx context.Context, s *cli.Session, arg string, verb func(projects.Name) projects.Verb) error {
	name, err := s.Known(ctx, arg)
	if err != nil {
		return err
	}
	life, err := life(s)
	if err != nil {
		return err
	}
	_, err = life.Do(ctx, verb(name))
	return err
}
