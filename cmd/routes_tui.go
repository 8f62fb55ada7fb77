package cmd

import (
	"context"
	"errors"
	"net/url"

	"github.com/spf13/cobra"

	"gateway/tui"
)

func newRoutesTUI(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "tui",
		Short: "Watch the routes live, with details of each",
		Long: "Shows the routes live, with their state, traffic, errors and end dates; filter, sort, look into one, open it\n" +
			"in a browser. ? explains the keys.",
		Args: usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runRoutesTUI(c.Context(), env) },
	}
}

// errNoTerminal says that a screen was asked for where there is none.
var errNoTerminal = errors.New("'gateway routes tui' needs a terminal on stdin and stdout")

func runRoutesTUI(ctx context.Context, env *Env) error {
	if !env.Interactive {
		return errNoTerminal
	}
	source, closeSource, err := env.source(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = closeSource() }()
	return tui.Run(ctx, source, tui.Options{Input: env.In, Output: env.Out, Open: env.browse, Site: env.site()})
}

// site is the name by which a browser here reaches the machine of the gateway: that of a remote engine, else
// "localhost".
func (e *Env) site() string {
	if e.namedSocket() != "" {
		return "localhost"
	}
	host, err := e.dockerHost()
	if err != nil {
		return "localhost"
	}
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "ssh" && u.Scheme != "tcp" || u.Hostname() == "" {
		return "localhost"
	}
	return u.Hostname()
}
