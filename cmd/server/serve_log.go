package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/proxy/accesslog"
)

// accessLogOptions say where a line for each request goes.
type accessLogOptions struct {
	path, format string
	query        bool
}

func addAccessLogFlags(f *pflag.FlagSet, o *accessLogOptions) {
	f.StringVar(&o.path, "access-log", "", "`file` to log requests to, - for stdout; SIGHUP reopens it (default none)")
	f.StringVar(&o.format, "access-log-format", string(accesslog.JSON), "`format` of the access log: json or combined")
	f.BoolVar(&o.query, "access-log-query", false, "log query strings, which often hold secrets")
}

// check reads the format. Its errors are usage errors.
func (o accessLogOptions) check() (accesslog.Format, error) {
	format, err := accesslog.ParseFormat(o.format)
	if err != nil {
		return format, cli.Usage(fmt.Errorf("--access-log-format: %w", err))
	}
	if o.path == "" && (o.query || format != accesslog.JSON) {
		return format, cli.Usage(errors.New("--access-log is missing: name a file, or - for stdout"))
	}
	return format, nil
}

// open opens the log; it is nil when none is wanted.
func (o accessLogOptions) open(env *cli.Env, logger *slog.Logger) (*accesslog.Log, error) {
	format, err := o.check()
	if err != nil || o.path == "" {
		return nil, err
	}
	c := accesslog.Config{Path: o.path, Format: format, Query: o.query, Logger: logger}
	if o.path == "-" {
		c.Writer = env.Out
	}
	return accesslog.Open(c)
}

// runLogged serves until that ends, and writes the access log, if there is one. SIGHUP reopens the log;
// without a log the signal does nothing.
func runLogged(ctx context.Context, access *accesslog.Log, logger *slog.Logger, serve func(context.Context) error) error {
	signals, stop := newHangups()
	defer stop()
	// Requests that are under way when ctx ends have their lines too.
	behind, end := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	all.Go(func() { signals.each(behind, func() { reopen(access, logger) }) })
	if access != nil {
		// It returns no error: what goes wrong with a log ends nothing else.
		all.Go(func() { _ = access.Run(behind) })
	}
	defer all.Wait()
	defer end()
	return serve(ctx)
}

// reopen opens the log again, after somebody moved its file.
func reopen(access *accesslog.Log, logger *slog.Logger) {
	if access == nil {
		return
	}
	if err := access.Reopen(); err != nil {
		logger.Warn("the access log goes on in the file it has", "error", err)
		return
	}
	logger.Info("the access log was reopened")
}
