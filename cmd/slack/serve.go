package slack

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects/invite"
	"gateway/proxy/limit"
)

type inviteOptions struct {
	page, private, state, listen string
	report                       bool
}

func newSlackInvite(env *cli.Env) *cobra.Command {
	var o inviteOptions
	c := &cobra.Command{
		Use:   "slack-invite",
		Short: "Serve the page that invites people to a chat",
		Long: "Serves the page of the slack-invite template, whose containers run this. The button leads to the links that\n" +
			"'gateway slack set-link' sets, and the page never holds them.",
		Example: "  gateway slack-invite --page ./page --private ./secrets/invite --state ./state",
		Hidden:  true,
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return runSlackInvite(c.Context(), env, o) },
	}
	f := c.Flags()
	f.StringVar(&o.page, "page", "/page", "folder with page.yaml and the logo")
	f.StringVar(&o.private, "private", "/private", "folder with the links and the webhook")
	f.StringVar(&o.state, "state", "/var/lib/gateway", "folder to keep counts in")
	f.StringVar(&o.listen, "listen", ":8080", "address to listen on")
	f.BoolVar(&o.report, "report", false, "print the counts as JSON, and serve nothing")
	return c
}

func runSlackInvite(ctx context.Context, env *cli.Env, o inviteOptions) error {
	if o.report {
		counts, err := invite.ReadCounts(o.state)
		if err != nil {
			return err
		}
		return env.JSON(counts)
	}
	s, err := invite.Open(invite.Config{Page: o.page, Private: o.private, State: o.state, Log: slog.New(slog.NewTextHandler(env.Err, nil))})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listening on %s (--listen): %w", o.listen, err)
	}
	env.Notef("serving the page on http://%s\n", ln.Addr())
	limit.Contain()
	return s.Serve(ctx, ln)
}
