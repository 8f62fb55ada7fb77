package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gateway/projects"
	"gateway/projects/compose"
)

func newLogs(env *Env) *cobra.Command {
	var last int
	var follow bool
	c := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what a project's containers write",
		Long: "Prints the last lines that the containers of a project wrote. With several containers each line starts with\n" +
			"the container's name. On a terminal colours are left out and control characters spelled out; a file or a pipe gets\n" +
			"the bytes as they are.",
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
	if stray, is := errors.AsType[projects.Stray](err); is && stray.Kind != projects.Single {
		err = nil // Reading changes nobody's project.
	}
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
	return w.compose.Logs(ctx, arg, last, follow, func(l compose.Line) { printLog(env, l, len(running.Containers) > 1) })
}

// printLog prints a line of a container's log: as it was written, but for what would do something to a terminal.
func printLog(env *Env, l compose.Line, several bool) {
	if several {
		env.printf("%s | ", l.Container)
	}
	if env.Terminal {
		env.printf("%s\n", lines(l.Text))
		return
	}
	env.printf("%s\n", styled(l.Text))
}
