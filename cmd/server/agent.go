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
		Short: "Run the agent, which watches the engine for the proxy",
		Long: "Watches the Docker engine, connects the proxy's container to the networks of its targets, sends the routes to the\n" +
			"proxy over the admin socket, and stops and starts projects that sleep. It listens on no port. 'gateway up' runs it\n" +
			"in a container.",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runAgent(c.Context(), env, o) },
	}
	f := c.Flags()
	f.StringSliceVar(&o.hosts, "host", nil, "host `name` of the site, an alias of the proxy on the networks that it joins; may be repeated")
	f.BoolVar(&o.exitWhenLost, "exit-when-lost", false, "exit when the engine's socket refuses connections for 15 s, for a supervisor to restart the agent")
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
	orders := admin.NewClient(func(ctx context.Context) (net.Conn, error) { return cli.DialUnix(ctx, path) })
	defer orders.Close()
	return agent.New(agent.Config{
		Engine:       engine,
		Proxy:        proxy,
		Sleeping:     engine,
		Orders:       orders,
		Join:         true,
		Hosts:        o.hosts,
		ExitWhenLost: o.exitWhenLost,
		Version:      env.Version,
		Logger:       logger,
	}).Run(ctx)
}
