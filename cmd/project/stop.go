package project

import (
	"context"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newStop(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "stop NAME",
		Short: "Stop a project's containers and keep them",
		Long: "Stops the containers of a project. It keeps its path, where clients are told that it is stopped. Safe to run\n" +
			"again. It stays stopped when the machine or the engine starts again.",
		Example: "  gateway stop robots",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runStop(c.Context(), env, args[0]) },
	}
}

func runStop(ctx context.Context, env *cli.Env, arg string) error {
	return onProject(ctx, env, arg, stopProject)
}

func stopProject(ctx context.Context, s *cli.Session, name projects.Name) error {
	compose, err := s.Compose()
	if err != nil {
		return err
	}
	if err := projects.KeepRunning(ctx, s.Engine, name, false); err != nil {
		return err
	}
	if err := compose.Stop(ctx, string(name)); err != nil {
		return err
	}
	s.Progress.End()
	s.Env.Notef("project %s is stopped; start it again with: gateway start %s\n", name, name)
	return nil
}
