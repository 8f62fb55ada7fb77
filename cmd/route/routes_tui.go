package route

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/tui"
)

func newRoutesTUI(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "tui",
		Short: "Watch the routes live, with details of each",
		Long: "Shows the routes live, with their state, traffic, errors and end dates; filter, sort, look into one, open it\n" +
			"in a browser. ? explains the keys.",
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
		Open: func(url string) error { return browse(env, url) },
	})
}
