package route

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/cmd/project"
	"gateway/tui"
)

func newRoutesTUI(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "tui",
		Short: "Watch the routes live and act on them",
		Long: "Shows the routes live, with their state, traffic, errors and expiry. A terminal of at least 120 columns also\n" +
			"shows the details of the selected route.\n\n" +
			"Keys act on the selected route: l follows the logs of its project, r restarts the project, s stops or starts\n" +
			"it, p pauses or resumes the route, x opens a shell in its container, and o opens it in a browser. Keys that\n" +
			"change something say what they will do and wait for y. / filters, > sorts, ! lists the problems, and ?\n" +
			"explains all keys.",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runRoutesTUI(c.Context(), env) },
	}
}

// ErrNoTerminal says that a screen was asked for where there is none.
var ErrNoTerminal = errors.New("'gateway routes tui' needs a terminal on stdin and stdout")

func runRoutesTUI(ctx context.Context, env *cli.Env) error {
	if !env.Interactive {
		return ErrNoTerminal
	}
	source, closeSource, err := connect(ctx, env)
	if err != nil {
		return err
	}
	defer func() { _ = closeSource() }()
	return tui.Run(ctx, source, tui.Options{
		Input: env.In, Output: env.Out, Site: env.Hostname(),
		Open:    func(url string) error { return browse(env, url) },
		Actions: project.Actions(env),
	})
}
