package route

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/cmd/slack"
	"gateway/proxy/admin"
	"gateway/tui"
)

// routesOptions are the flags of gateway routes.
type routesOptions struct {
	env         *cli.Env
	filter      string
	json, watch bool
	// connect, now and every are the world outside: the running gateway, the clock, and how often it is asked.
	connect func(ctx context.Context) (tui.Source, func() error, error)
	now     func() time.Time
	every   time.Duration
}

func newRoutes(env *cli.Env) *cobra.Command {
	o := &routesOptions{env: env, connect: func(ctx context.Context) (tui.Source, func() error, error) { return connect(ctx, env) }, now: time.Now, every: time.Second}
	c := &cobra.Command{
		Use:   "routes [FILTER]",
		Short: "List the routes with their state and traffic",
		Long: "Lists the routes of the running gateway with their state and traffic, then problems with their fixes. FILTER\n" +
			"selects routes by a part of their path, host, project, service, state or owner.\n\n" +
			"RATE covers the last 10 seconds, P50 and P95 are latencies of the last minute, and ERRORS counts 5xx responses\n" +
			"since the proxy started.",
		Example: "  gateway routes\n  gateway routes blog --json\n  gateway routes --watch\n  gateway routes tui",
		Args:    cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.filter = args[0]
			}
			return runRoutes(c.Context(), o)
		},
	}
	c.Flags().BoolVar(&o.json, "json", false, "print JSON; with --watch, one document per line")
	c.Flags().BoolVarP(&o.watch, "watch", "w", false, "print again when a route or a problem changes, until interrupted")
	c.AddCommand(newRoutesTUI(env))
	return c
}

// connect connects to the running gateway, for what only looks at it. The function closes the connection.
func connect(ctx context.Context, e *cli.Env) (tui.Source, func() error, error) {
	client, err := e.Gateway(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &inviteSource{Source: client, look: func(ctx context.Context) map[string][]admin.Problem { return slack.Problems(ctx, e) }}, client.Close, nil
}

func runRoutes(ctx context.Context, o *routesOptions) error {
	source, closeSource, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = closeSource() }()
	if o.watch {
		return watchRoutes(ctx, o, source)
	}
	view, err := look(ctx, source, o.filter)
	if err != nil {
		return err
	}
	if o.json {
		return o.env.JSON(view.routes)
	}
	o.env.Printf("%s", cli.Styled(tui.Text(view.routes, o.now(), o.env.Colour())))
	o.env.Notef("%s", cli.Lines(view.notes(o)))
	return nil
}

// routesView is one answer of the gateway, filtered.
type routesView struct {
	routes admin.Routes
	status admin.Status
	// all is the number of routes before filtering.
	all int
}

func look(ctx context.Context, source tui.Source, filter string) (routesView, error) {
	var view routesView
	var err error
	if view.routes, err = source.Routes(ctx); err != nil {
		return view, err
	}
	if view.status, err = source.Status(ctx); err != nil {
		return view, err
	}
	view.all = len(view.routes.Routes)
	view.routes.Routes = slices.DeleteFunc(view.routes.Routes, func(r admin.Route) bool { return !tui.Matches(&r, filter) })
	view.routes.Problems = slices.DeleteFunc(view.routes.Problems, func(p admin.Problem) bool { return !tui.MatchesProblem(&p, filter) })
	return view, nil
}

// notes returns the messages beside the table: what to do when it is empty, and why it may be out of date.
func (v *routesView) notes(o *routesOptions) string {
	var text strings.Builder
	switch {
	case v.all == 0:
		text.WriteString(tui.Hint())
	case len(v.routes.Routes) == 0:
		fmt.Fprintf(&text, "No route matches %q; the table has %d. 'gateway routes' shows them all.\n", o.filter, v.all)
	}
	for _, warning := range tui.Warnings(&v.status, o.now()) {
		text.WriteString("warning: " + warning + "\n")
	}
	return text.String()
}
