package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/metric"
)

const (
	// headTimeout is how long clients of the ping and the admin listener may take for the head of a request, idleTimeout how long a
	// connection stays open between two; maxHead is the most bytes a head may have.
	headTimeout = 10 * time.Second
	idleTimeout = 2 * time.Minute
	maxHead     = 64 << 10
	// Grace is how long requests under way may take to finish once Serve must end, by default.
	Grace = 10 * time.Second
	// cutGrace is how long those may take to notice that they were cut off.
	cutGrace = 2 * time.Second
)

// entryPoint is a listener with the function that serves it until it is closed.
type entryPoint struct {
	url      string
	listener io.Closer
	// serve calls broke at once when the listener fails.
	serve func(broke func(error))
}

// Serve opens the listeners and serves until the context ends. It then accepts no new connections, waits up to Config.Grace
// for the requests under way, cuts off the others and upgraded connections, and returns nil. An error names the listener
// that could not be opened or that failed.
func (s *Server) Serve(ctx context.Context) error {
	own := s.newServers()
	points, err := s.open(ctx, own)
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	broken := make(chan error, len(points)+len(s.config.Sources))
	for _, d := range points {
		running.Go(func() {
			d.serve(func(err error) { broken <- fmt.Errorf("serving %s: %w", d.url, err) })
		})
	}
	serving, end := context.WithCancel(ctx)
	defer end()
	running.Go(func() { s.tidy(serving) })
	running.Go(func() { s.pauses.Run(serving) })
	running.Go(func() { s.checker.Run(serving) })
	for name, from := range s.config.Sources {
		running.Go(func() {
			if err := s.runSource(serving, name, from); err != nil {
				broken <- err
			}
		})
	}
	s.announce(points)
	s.config.Ready()
	select {
	case <-ctx.Done():
	case err = <-broken:
	}
	end()
	s.config.Ending()
	s.listeners.Store(nil)
	s.pauses.Dismiss()
	s.tables.Release()
	s.current.Load().Dismiss()
	s.drain()
	for _, d := range points {
		// Those that are not served yet would stay open.
		_ = d.listener.Close()
	}
	_ = own.ping.Close()
	_ = own.admin.Close()
	ended := make(chan struct{})
	go func() {
		running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(cutGrace):
	}
	s.engine.Close()
	return err
}

// drain waits for the clients' requests, then cuts them off. Upgraded connections do not end by themselves: they are cut off
// when all requests are done.
func (s *Server) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Grace)
	defer cancel()
	s.engine.Drain(ctx)
	if ctx.Err() != nil {
		s.log.Info("requests did not finish in time and were cut off")
	}
}

// servers are those of the ping and the admin listener.
type servers struct{ ping, admin *http.Server }

func (s *Server) newServers() servers {
	fresh := func(h http.Handler) *http.Server {
		return &http.Server{
			Handler:           h,
			ReadHeaderTimeout: headTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHead,
			// net/http logs mistakes of its clients.
			ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		}
	}
	return servers{ping: fresh(pingHandler(s.metrics())), admin: fresh(admin.Handler(s))}
}

// pingHandler serves liveness and metrics.
func pingHandler(s metric.Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.Handle("/metrics", metric.Handler(s))
	return mux
}

func (s *Server) announce(points []entryPoint) {
	urls := make([]string, len(points))
	for i, d := range points {
		urls[i] = d.url
	}
	s.listeners.Store(&urls)
	s.log.Info("serving", "listeners", urls, "version", s.config.Version)
}
