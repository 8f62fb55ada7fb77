package server

import (
	"cmp"
	"context"
	"fmt"
	"net"
	_ "time/tzdata" // The agent's container has no time zones.

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/agent"
	"gateway/proxy/certificate"
	"gateway/proxy/expiry"
	"gateway/proxy/source/docker"
	"gateway/proxy/stack"
)

type agentOptions struct {
	name         string
	remove       bool
	hosts        []string
	exitWhenLost bool
	level        string

	expireDaily, expireZone, expireState string

	certs, keys []string
}

func newAgent(env *cli.Env) *cobra.Command {
	var o agentOptions
	c := &cobra.Command{
		Use:   "agent",
		Short: "Run the agent, which watches the engine for the proxy",
		Long: "Watches the Docker engine, connects the proxy's container to the networks of its targets, sends the routes to the\n" +
			"proxy over the admin socket, and stops and starts projects that sleep. It listens on no port. 'gateway up' runs it\n" +
			"in a container. A further agent, for another engine, needs a --name of its own.",
		Example: "  gateway agent\n" +
			"  DOCKER_HOST=unix:///run/docker-lab.sock gateway agent --name lab\n" +
			"  gateway agent --name lab --remove",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runAgent(c.Context(), env, o) },
	}
	f := c.Flags()
	f.StringVar(&o.name, "name", admin.DefaultSource, "`name` of the engine as a source of routes; unique among the agents of a proxy")
	f.BoolVar(&o.remove, "remove", false, "remove the routes of this agent from the proxy, and exit")
	f.StringSliceVar(&o.hosts, "host", nil, "host `name` of the site, an alias of the proxy on the networks that it joins; may be repeated")
	f.BoolVar(&o.exitWhenLost, "exit-when-lost", false, "exit when the engine's socket refuses connections for 15 s, for a supervisor to restart the agent")
	f.StringVar(&o.expireDaily, "expire-daily", "", "`time` of day, such as 04:00, at which to notify the owners of what has expired, and to suspend it 14 days later (default never)")
	f.StringVar(&o.expireZone, "expire-zone", "UTC", "time `zone` of --expire-daily, such as Europe/Berlin")
	f.StringVar(&o.expireState, "expire-state", "", "`folder` to keep in what was done about that (default that of the state)")
	addFileFlags(f, &o.certs, &o.keys)
	addLogFlag(f, &o.level)
	return c
}

func runAgent(ctx context.Context, env *cli.Env, o agentOptions) error {
	logger, err := newLogger(env, o.level)
	if err != nil {
		return err
	}
	if _, err := admin.ParseSource(o.name); err != nil {
		return cli.Usage(fmt.Errorf("--name: %w", err))
	}
	path := env.Socket()
	proxy := admin.NewClient(func(ctx context.Context) (net.Conn, error) { return cli.DialUnix(ctx, path) })
	defer proxy.Close()
	if o.remove {
		if err := proxy.RemoveSource(ctx, o.name); err != nil {
			return err
		}
		env.Resultf("the routes of the agent %s are removed\n", o.name)
		return nil
	}
	engine, err := env.Docker()
	if err != nil {
		return err
	}
	defer engine.Close()
	orders := admin.NewClient(func(ctx context.Context) (net.Conn, error) { return cli.DialUnix(ctx, path) })
	defer orders.Close()
	config := agent.Config{
		Name: o.name,
		Source: docker.New(docker.Config{
			Name: o.name, Engine: engine, Join: true, Hosts: o.hosts, Logger: logger,
		}),
		Proxy:        proxy,
		Sleeping:     engine,
		Orders:       orders,
		ExitWhenLost: o.exitWhenLost,
		Version:      env.Version,
		Logger:       logger,
	}
	if len(o.certs)+len(o.keys) > 0 {
		files, err := filesOf(o.certs, o.keys)
		if err != nil {
			return err
		}
		files.Logger = logger
		config.Files, config.FilesProxy = certificate.FollowFiles(files), proxy
	}
	if o.expireDaily == "" {
		return agent.New(config).Run(ctx)
	}
	at, err := expiry.ParseDaily(o.expireDaily, o.expireZone)
	if err != nil {
		return cli.Usage(fmt.Errorf("--expire-daily: %w", err))
	}
	job := expiry.New(expiry.Config{
		Engine: engine, At: at, State: cmp.Or(o.expireState, env.StateDir()), Tell: stack.Teller(engine), Logger: logger,
	})
	config.Expiry = job.Status
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return agent.New(config).Run(ctx) })
	group.Go(func() error { return job.Run(ctx) })
	return group.Wait()
}
