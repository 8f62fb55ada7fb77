package server

import (
	"context"
	"net"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/agent"
)

type agentOptions struct {
	hosts        []string
	exitWhenLost bool
	level        string
}

func newAgent(env *cli.Env) *cobra.Command {
	var o agentOptions
	c := &cobra.Command{
		Use:   "agent",
		Short: "Run the agent: watch the engine and feed the proxy",
		Long: "Watches the Docker engine, joins the proxy's container to the networks of what it routes to, and pushes the\n" +
			"table to the proxy over the admin socket. It listens nowhere. gateway up runs it in a container.",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runAgent(c.Context(), env, o) },
	}
	f := c.Flags()
	f.StringSliceVar(&o.hosts, "host", nil, "host name of the site, to which the proxy answers on the networks it joins; may be repeated")
	f.BoolVar(&o.exitWhenLost, "exit-when-lost", false, "end when the engine's socket refuses for 15 s, so that a supervisor starts the agent on a fresh one")
	addLogFlag(f, &o.level)
	return c
}

func runAgent(ctx context.Context, env *cli.Env, o agentOptions) error {
	logger, err := newLogger(env, o.level)
	if err != nil {
		return err
	}
	engine, err := env.Docker()
	if err != nil {
		return err
	}
	defer engine.Close()
	path := env.Socket()
	proxy := admin.NewClient(func(ctx context.Context) (net.Conn, error) { return cli.DialUnix(ctx, path) })
	defer proxy.Close()
	return agent.New(agent.Config{
		Engine:       engine,
		Proxy:        proxy,
		Join:         true,
		Hosts:        o.hosts,
		ExitWhenLost: o.exitWhenLost,
		Version:      env.Version,
		Logger:       logger,
	}).Run(ctx)
}
