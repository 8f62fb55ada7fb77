package project

import (
	"context"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newStart(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "start NAME",
		Short: "Start a stopped project",
		Long: "Starts the containers of a stopped project, and returns when its routes answer. Safe to run again. To apply\n" +
			"changes of compose.yaml, use 'gateway deploy'.",
		Example: "  gateway start robots",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return change(c.Context(), env, args[0], "started", func(name projects.Name) projects.Verb { return projects.Start{Name: name} })
		},
	}
}

// change changes a project that is there, and says what was done with it.
func change(ctx context.Context, env *cli.Env, arg, done string, verb func(projects.Name) projects.Verb) error {
	return env.Change(ctx, func(ctx context.Context, s *cli.Session) error {
		if err := do(ctx, s, arg, verb); err != nil {
			return err
		}
		s.Progress.End()
		s.Env.Notef("project %s is %s\n", arg, done)
		return nil
	})
}

// do changes a project that is there.
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
