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
	"gateway/proxy/certificate"
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
	tls    tlsOptions
	proxyOptions
}

// tlsOptions say where HTTPS is served, and with which certificate.
type tlsOptions struct {
	listen           []string
	certificate, key string
	http3            bool
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
			"  gateway serve --docker --tls-listen :443 --tls-cert cert.pem --tls-key key.pem",
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
	f.StringSliceVar(&o.tls.listen, "tls-listen", nil, "`address` for HTTPS; may be repeated")
	f.StringVar(&o.tls.certificate, "tls-cert", "", "PEM `file` with the certificate for --tls-listen; reloaded when it changes")
	f.StringVar(&o.tls.key, "tls-key", "", "PEM `file` with the key of the certificate")
	f.BoolVar(&o.tls.http3, "http3", false, "serve HTTP/3 too, on the UDP ports of --tls-listen")
	addProxyFlags(f, &o.proxyOptions)
	addLogFlag(f, &o.level)
	return c
}

// manager reads the certificate; it is nil without an address for HTTPS. given says that there are sockets for HTTPS
// besides o.listen.
func (o tlsOptions) manager(given bool, logger *slog.Logger) (*certificate.Files, error) {
	needed := given || len(o.listen) > 0
	switch {
	case o.certificate == "" && o.key == "" && !needed:
		return nil, nil
	case !needed:
		return nil, cli.Usage(errors.New("--tls-listen is missing: a certificate needs an address for HTTPS, such as --tls-listen :443"))
	case o.certificate == "":
		return nil, cli.Usage(errors.New("--tls-cert is missing: HTTPS needs a certificate in a PEM file, and its --tls-key"))
	case o.key == "":
		return nil, cli.Usage(errors.New("--tls-key is missing: HTTPS needs the key of the certificate in --tls-cert, in a PEM file"))
	}
	return certificate.LoadFiles(certificate.FilesConfig{
		Pairs: []certificate.Pair{{Certificate: o.certificate, Key: o.key}}, Logger: logger,
	})
}

// checkHTTP3 reports what --http3 cannot do. given says that there are sockets for HTTPS besides o.tls.listen.
func (o *serveOptions) checkHTTP3(given bool) error {
	switch {
	case !o.tls.http3:
	case !given && len(o.tls.listen) == 0:
		return cli.Usage(errors.New("--tls-listen is missing: --http3 serves the UDP ports of the addresses for HTTPS, such as --tls-listen :443"))
	case o.limit.proxyProtocol:
		return cli.Usage(errors.New("--http3 and --proxy-protocol exclude each other: QUIC has no PROXY header, so that clients behind a proxy could not be told apart; leave one out"))
	}
	return nil
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
	files, err := o.tls.manager(len(given.https) > 0, logger)
	if err != nil {
		return err
	}
	var certificates certificate.Manager
	if files != nil {
		certificates = &certificate.Combined{Files: files}
	}
	if err := o.check(); err != nil {
		return err
	}
	if err := o.checkHTTP3(len(given.https) > 0); err != nil {
		return err
	}
	access, err := o.access.open(env, logger)
	if err != nil {
		return err
	}
	limit.Contain()
	server, err := proxy.New(o.config(env, logger, proxy.Config{
		Certificates: certificates,
		AccessLog:    access,
		Inherited:    proxy.Inherited{HTTP: given.http, HTTPS: given.https, Ping: given.ping, Admin: given.admin},
		Ready:        logged(logger, notifyReady),
		Ending:       logged(logger, notifyStopping),
	}))
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if files != nil {
		group.Go(func() error { return files.Run(ctx) })
	}
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
	c.Via, c.Forwarded, c.HTTP3 = o.via, o.forwarded, o.tls.http3
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
