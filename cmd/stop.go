package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"gateway/projects"
)

func newStop(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "stop NAME",
		Short: "Stop a project's containers and keep them",
		Long: "Stops the containers of a project. It keeps its path, where clients are told that it is stopped. Safe to run\n" +
			"again. It stays stopped when the machine or the engine starts again.",
		Example: "  gateway stop robots",
		Args:    usage(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runStop(c.Context(), env, args[0]) },
	}
}

func runStop(ctx context.Context, env *Env, arg string) error {
	return env.onProject(ctx, arg, stopProject)
}

func stopProject(ctx context.Context, w *workshop, name projects.Name) error {
	if err := projects.KeepRunning(ctx, w.engine, name, false); err != nil {
		return err
	}
	if err := w.compose.Stop(ctx, string(name)); err != nil {
		return err
	}
	w.progress.end()
	w.env.notef("project %s is stopped; start it again with: gateway start %s\n", name, name)
	return nil
}
