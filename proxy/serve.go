package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"gateway/proxy/admin"
)

const (
	// headTimeout is how long a visitor may take to send the head of a request, idleTimeout how long a connection stays
	// open between two; maxHead is the most bytes a head may have.
	headTimeout = 10 * time.Second
	idleTimeout = 2 * time.Minute
	maxHead     = 64 << 10
	// Grace is how long requests under way may take to finish once Serve is told to end.
	Grace = 10 * time.Second
	// cutGrace is how long those may take to notice that they were cut off.
	cutGrace = 2 * time.Second
)

// door is one listener and what answers behind it.
type door struct {
	url      string
	listener net.Listener
	server   *http.Server
}

// Serve opens the listeners and answers until the context ends. It then takes no new connections, lets the requests
// under way finish for up to Grace, cuts off the others and upgraded connections, and returns nil. An error names the
// listener that could not be opened or that broke.
func (s *Server) Serve(ctx context.Context) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	all := s.newServers(base)
	doors, err := s.open(ctx, all)
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	broken := make(chan error, len(doors))
	for _, d := range doors {
		running.Go(func() {
			if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
				broken <- fmt.Errorf("serving %s: %w", d.url, err)
			}
		})
	}
	s.announce(doors)
	select {
	case <-ctx.Done():
	case err = <-broken:
	}
	s.listeners.Store(nil)
	s.drain(all.visitors, cut)
	_ = all.ping.Close()
	_ = all.admin.Close()
	running.Wait()
	s.engine.Close()
	return err
}

// servers are all HTTP servers of a proxy. Only that of the visitors may have several listeners.
type servers struct{ visitors, ping, admin *http.Server }

// newServers makes the servers; the requests of visitors end with the context.
func (s *Server) newServers(base context.Context) servers {
	fresh := func(h http.Handler) *http.Server {
		return &http.Server{
			Handler:           h,
			ReadHeaderTimeout: headTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHead,
			// What net/http logs is what clients do wrong.
			ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		}
	}
	visitors := fresh(http.HandlerFunc(s.visit))
	visitors.BaseContext = func(net.Listener) context.Context { return base }
	visitors.DisableGeneralOptionsHandler = true
	return servers{visitors: visitors, ping: fresh(pingHandler()), admin: fresh(admin.Handler(s))}
}

// pingHandler says that the process is alive.
func pingHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

func (s *Server) announce(doors []door) {
	urls := make([]string, len(doors))
	for i, d := range doors {
		urls[i] = d.url
	}
	s.listeners.Store(&urls)
	s.log.Info("serving", "listeners", urls, "version", s.config.Version)
}

// drain lets the visitors' requests finish, then cuts them off. Upgraded connections never finish by themselves: they
// are cut when everything else is done.
func (s *Server) drain(visitors *http.Server, cut context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), Grace)
	defer cancel()
	if err := visitors.Shutdown(ctx); err != nil {
		s.log.Info("requests did not finish in time and are cut off", "requests", s.book.Inflight())
	}
	cut()
	_ = visitors.Close()
	deadline := time.NewTimer(cutGrace)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.book.Inflight() > 0 {
		select {
		case <-tick.C:
		case <-deadline.C:
			return
		}
	}
}
