package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"gateway/cmd/cli"
	"gateway/proxy"
	"gateway/proxy/admin"
	"gateway/proxy/agent"
	"gateway/proxy/limit"
	"gateway/proxy/source"
	"gateway/proxy/source/docker"
	"gateway/proxy/source/file"
)

type serveOptions struct {
	listen []string
	ping   string
	state  string
	docker bool
	file   string
	await  []string
	level  string
	tls    serveTLSOptions
	proxyOptions
}

func newServe(env *cli.Env) *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the proxy in the foreground",
		Long: "Serves the routes that agents send over the admin socket, with --docker those of the Docker engine itself, and\n" +
			"with --file those of YAML files. It needs neither root nor Docker. 'gateway up' runs it in a container.",
		Example: "  gateway serve --docker --listen :8080\n" +
			"  gateway serve --file /etc/gateway/routes.yaml\n" +
			"  gateway serve --docker --tls-listen :443 --cert cert.pem --key key.pem",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runServe(c.Context(), env, o) },
	}
	f := c.Flags()
	f.StringSliceVar(&o.listen, "listen", []string{":80"}, "`address` for HTTP; may be repeated; sockets passed by systemd replace it")
	f.StringVar(&o.ping, "ping", "127.0.0.1:9180", "loopback `address` for /ping and /metrics; empty disables")
	f.StringVar(&o.state, "state", env.StateDir(), "`folder` for the last good table; empty disables")
	f.BoolVar(&o.docker, "docker", false, "watch the Docker engine, without an agent")
	f.StringVar(&o.file, "file", "", "YAML `file` with routes, or a folder of them; watched")
	f.StringSliceVar(&o.await, "await", nil, "`name` of an agent to hear from before the first table; may be repeated")
	addServeTLSFlags(f, &o.tls)
	addProxyFlags(f, &o.proxyOptions)
	addLogFlag(f, &o.level)
	return c
}

func runServe(ctx context.Context, env *cli.Env, o serveOptions) error {
	mortal := outliveReaders()
	defer mortal()
	logger, err := newLogger(env, o.level)
	if err != nil {
		return err
	}
	given, err := inherited()
	if err != nil {
		return err
	}
	defer given.close()
	certificates, err := o.certificates(given, logger)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	access, err := o.access.open(env, logger)
	if err != nil {
		return err
	}
	limit.Contain()
	server, err := proxy.New(o.config(env, logger, proxy.Config{
		Certificates: certificates.manager,
		Root:         certificates.root,
		SetFiles:     certificates.files,
		AccessLog:    access,
		Inherited:    proxy.Inherited{HTTP: given.http, HTTPS: given.https, Ping: given.ping, Admin: given.admin},
		Ready:        logged(logger, notifyReady),
		Ending:       logged(logger, notifyStopping),
	}))
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if o.docker {
		engine, err := env.Docker()
		if err != nil {
			return err
		}
		defer engine.Close()
		own := agent.New(agent.Config{
			Name:   admin.DefaultSource,
			Source: docker.New(docker.Config{Name: admin.DefaultSource, Engine: engine, Logger: logger}),
			Proxy:  inProcess{server}, Sleeping: engine, Orders: inProcess{server}, Version: env.Version, Logger: logger,
		})
		group.Go(func() error { return own.Run(ctx) })
	}
	for _, run := range certificates.run {
		group.Go(func() error { return run(ctx) })
	}
	group.Go(func() error { return runLogged(ctx, access, logger, server.Serve) })
	trim()
	err = group.Wait()
	if errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("%w; without root choose a port above 1023 with --listen, and writable paths with --socket and --state", err)
	}
	return err
}

// logged calls notify and logs its error.
func logged(logger *slog.Logger, notify func() error) func() {
	return func() {
		if err := notify(); err != nil {
			logger.Warn("cannot notify systemd", "error", err)
		}
	}
}

// config sets the fields of c that the flags decide.
func (o *serveOptions) config(env *cli.Env, logger *slog.Logger, c proxy.Config) proxy.Config {
	room := limit.Measure()
	conns, fewer := o.limit.conns(room)
	if fewer {
		logger.Info("memory and open files allow fewer connections than --max-conns", "connections", conns)
	}
	requests, perClient, fewer := o.limit.requests(room)
	if fewer {
		logger.Info("memory and open files allow fewer concurrent requests than --max-requests", "requests", requests)
	}
	c.Listen, c.TLSListen, c.Ping, c.Admin = o.listen, o.tls.listen, o.ping, env.Socket()
	c.Via, c.Forwarded = o.via, o.forwarded
	c.HTTPSPort, c.NoRedirect = firstOf(c.Inherited.HTTPS, o.tls.listen).port, o.tls.noRedirect
	c.HSTS, _ = o.tls.strict() // It was checked.
	c.HTTP3, c.ServeRoot = o.tls.http3, o.tls.serveRoot
	c.StateDir, c.Version, c.Logger = o.state, env.Version, logger
	c.Await = o.await
	if o.docker {
		c.Await = append(c.Await, admin.DefaultSource)
	}
	if o.file != "" {
		c.Sources = map[string]source.Source{fileSource: file.New(file.Config{Name: fileSource, Path: o.file, Logger: logger})}
	}
	c.Timeouts, c.Limits, c.BodyMax = o.limit.waits.timeouts(), o.limit.limits(), o.limit.bodyMax
	c.MaxConns, c.MaxClientConns, c.Rate = conns, o.limit.maxConnsPerClient, o.limit.rate
	c.MaxRequests, c.MaxClientRequests = requests, perClient
	c.Trusted, c.ProxyProtocol = o.limit.trusted, o.limit.proxyProtocol
	c.Drain, c.Hold, c.Grace = orEver(o.limit.waits.drain), o.limit.waits.hold, orEver(o.limit.waits.grace)
	return c
}

// fileSource is the name of the source of --file.
const fileSource = "file"

// inProcess feeds a proxy in this process as an agent would over the socket.
type inProcess struct{ proxy admin.Gateway }

func (p inProcess) PutTable(_ context.Context, source string, table admin.RawTable) (admin.Pushed, error) {
	return p.proxy.ReceiveTable(source, table)
}

func (p inProcess) PutSource(_ context.Context, s admin.Source) (admin.Pushed, error) {
	return p.proxy.ReceiveSource(s)
}

func (p inProcess) Orders(ctx context.Context, source, seen string, wait time.Duration) (admin.Orders, error) {
	return p.proxy.Orders(ctx, source, seen, wait), nil
}

func (p inProcess) Report(_ context.Context, r admin.SleepReport) error { return p.proxy.Report(r) }

// addLogFlag adds the flag that both processes have.
func addLogFlag(f *pflag.FlagSet, level *string) {
	f.StringVar(level, "log", "info", "`level` to log from: debug, info, warn or error")
}

// newLogger writes to stderr from the named level on.
func newLogger(env *cli.Env, level string) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, cli.Usage(fmt.Errorf("--log %q: it takes debug, info, warn or error", level))
	}
	return slog.New(slog.NewTextHandler(env.Err, &slog.HandlerOptions{Level: least})), nil
}
