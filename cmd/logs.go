package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"gateway/projects"
	"gateway/projects/compose"
)

func newLogs(env *Env) *cobra.Command {
	var last int
	var follow bool
	c := &cobra.Command{
		Use:     "logs NAME",
		Short:   "Print what a project's containers write",
		Long:    "Prints the last lines that the containers of a project wrote. With several containers each line starts with\nthe container's name.",
		Example: "  gateway logs robots\n  gateway logs robots --tail 20 --follow",
		Args:    usage(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runLogs(c.Context(), env, args[0], last, follow) },
	}
	c.Flags().IntVarP(&last, "tail", "n", 100, "number of lines per container")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new lines until interrupted")
	return c
}

func runLogs(ctx context.Context, env *Env, arg string, last int, follow bool) error {
	if last < 0 {
		return usageError{fmt.Errorf("--tail %d: it takes a number of lines from 0 on", last)}
	}
	w, err := env.workshop()
	if err != nil {
		return err
	}
	defer w.close()
	name, err := w.known(ctx, arg)
	if err != nil {
		return err
	}
	running, err := projects.Look(ctx, w.engine, name)
	if err != nil {
		return err
	}
	if len(running.Containers) == 0 {
		return fmt.Errorf("project %s has no containers, so nothing was written; start it with: gateway deploy %s", name, name)
	}
	return w.compose.Logs(ctx, arg, last, follow, func(l compose.Line) {
		if len(running.Containers) > 1 {
			env.printf("%s | ", l.Container)
		}
		env.printf("%s\n", l.Text)
	})
}
