package project

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/compose"
)

// logTail is how many lines of each container are shown by default.
const logTail = 100

func newLogs(env *cli.Env) *cobra.Command {
	var last int
	var follow bool
	c := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print the logs of a project",
		Long: "Prints the last lines of the logs of a project's containers. With several containers, each line starts with the\n" +
			"name of its container. On a terminal, control characters are escaped.",
		Example: "  gateway logs robots\n  gateway logs robots --tail 20 --follow",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runLogs(c.Context(), env, args[0], last, follow) },
	}
	c.Flags().IntVarP(&last, "tail", "n", logTail, "number of lines per container")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "print new lines until interrupted")
	return c
}

func runLogs(ctx context.Context, env *cli.Env, arg string, last int, follow bool) error {
	if last < 0 {
		return cli.Usage(fmt.Errorf("--tail %d: it takes a number of lines, 0 or more", last))
	}
	s, err := env.Session()
	if err != nil {
		return err
	}
	defer s.Close()
	several, err := written(ctx, s, arg)
	if err != nil {
		return err
	}
	service, err := s.Compose()
	if err != nil {
		return err
	}
	return service.Logs(ctx, arg, last, follow, func(l compose.Line) { printLog(env, l, several) })
}

// written returns an error unless a project has containers that may have written something; it may be somebody else's,
// since reading changes nothing. Several reports that it has more than one.
func written(ctx context.Context, s *cli.Session, arg string) (several bool, err error) {
	name, err := s.Known(ctx, arg)
	if stray, is := errors.AsType[projects.Stray](err); is && stray.Kind != projects.Single {
		err = nil
	}
	if err != nil {
		return false, err
	}
	running, err := projects.Look(ctx, s.Engine, name)
	if err != nil {
		return false, err
	}
	if len(running.Containers) == 0 {
		return false, fmt.Errorf("project %s has no containers, and so no logs; start it with: gateway deploy %s", name, name)
	}
	return len(running.Containers) > 1, nil
}

// printLog prints a line of a container's log: as it was written, but for what would do something to a terminal.
func printLog(env *cli.Env, l compose.Line, several bool) {
	if several {
		env.Printf("%s | ", l.Container)
	}
	if env.Terminal {
		env.Printf("%s\n", cli.Lines(l.Text))
		return
	}
	env.Printf("%s\n", cli.Styled(l.Text))
}
