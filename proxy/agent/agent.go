// Package agent is what the process with the Docker socket does: it watches the engine, pushes each table to the proxy
// and tells it how the engine is, and it stops and starts the projects that the proxy says are to sleep or to wake. It
// listens nowhere and decides nothing about routes. The policies worth stating: the
// newest table wins, and a proxy that is slow or away never holds up discovery; as long as the engine was not listed,
// nothing is pushed, so that the proxy goes on with what it has.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"gateway/proxy/admin"
	"gateway/proxy/discovery"
	"gateway/proxy/docker"
	"gateway/proxy/route"
)

// ErrLost is wrapped by the error of Run when the engine's socket stayed out of reach.
var ErrLost = errors.New("the engine's socket is lost")

// lostAfter is how long the engine may be out of reach before ExitWhenLost ends the agent.
const lostAfter = 15 * time.Second

// Proxy is what is pushed to. Each call may fail at any time; the agent then tries again.
type Proxy interface {
	PutTable(ctx context.Context, table admin.RawTable) (admin.Pushed, error)
	PutAgent(ctx context.Context, agent admin.Agent) (admin.Pushed, error)
}

// Config says what to watch and whom to feed.
type Config struct {
	Engine discovery.Engine
	Proxy  Proxy
	// Sleeping is the engine once more, for putting projects to sleep and waking them as Orders says. Without Orders none is.
	Sleeping Sleeping
	Orders   Orders
	// Join and Hosts are those of discovery.Config.
	Join  bool
	Hosts []string
	// ExitWhenLost makes Run return an error that wraps ErrLost when the engine could not be reached for 15 seconds. A
	// socket that is bind-mounted into a container stays the dead one when the engine is restarted: only a new start
	// of the container brings the new one in.
	ExitWhenLost bool
	// Expiry says how the daily work on what has expired stands; nil when there is none.
	Expiry func() *admin.Expiry
	// Version is gateway's own.
	Version string
	Logger  *slog.Logger
}

// Agent watches one engine for one proxy.
type Agent struct {
	config  Config
	started time.Time
	// table has one slot, for the newest table that the pusher has not taken yet.
	table chan *route.Table
	// status is the newest; changed has one slot and says that more of it changed than the time of listing.
	status  atomic.Pointer[discovery.Status]
	changed chan struct{}
	// lost has one slot, for the error that ends Run.
	lost chan error
	// outSince is the first of the failures in a row to reach the engine; it belongs to the watcher's goroutine.
	outSince time.Time
}

// New prepares an agent.
func New(c Config) *Agent {
	a := &Agent{
		config: c, started: time.Now(),
		table: make(chan *route.Table, 1), changed: make(chan struct{}, 1), lost: make(chan error, 1),
	}
	a.status.Store(&discovery.Status{})
	return a
}

// Run watches and pushes until ctx ends, and returns nil then. Neither an engine nor a proxy that is away ends it,
// except as Config.ExitWhenLost says. It is to be called once.
func (a *Agent) Run(ctx context.Context) error {
	watcher := discovery.New(discovery.Config{
		Engine: a.config.Engine, Join: a.config.Join, Hosts: a.config.Hosts,
		Publish: a.publish, Report: a.report, Logger: a.config.Logger,
	})
	outer := ctx
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return watcher.Run(ctx) })
	group.Go(func() error { return newPusher(a).Run(ctx) })
	if a.config.Orders != nil {
		s := &sleeper{engine: a.config.Sleeping, proxy: a.config.Orders, log: a.config.Logger, busy: map[admin.Order]bool{}}
		group.Go(func() error { return s.Run(ctx) })
	}
	group.Go(func() error {
		select {
		case err := <-a.lost:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	err := group.Wait()
	if outer.Err() != nil {
		return nil
	}
	return err
}

// publish puts a table into the mailbox, in the place of one that was not taken yet.
func (a *Agent) publish(t *route.Table) {
	select {
	case <-a.table:
	default:
	}
	a.table <- t
}

// report takes what discovery says of the engine.
func (a *Agent) report(s discovery.Status) {
	old := a.status.Swap(&s)
	if old.Connected != s.Connected || text(old.Err) != text(s.Err) || old.Engine != s.Engine {
		select {
		case a.changed <- struct{}{}:
		default:
		}
	}
	a.watchLoss(s)
}

// watchLoss ends Run when the engine was out of reach for too long.
func (a *Agent) watchLoss(s discovery.Status) {
	if !a.config.ExitWhenLost || s.Connected || !refused(s.Err) {
		a.outSince = time.Time{}
		return
	}
	if a.outSince.IsZero() {
		a.outSince = time.Now()
	}
	if out := time.Since(a.outSince); out >= lostAfter {
		select {
		case a.lost <- fmt.Errorf("%w for %s: %w", ErrLost, out.Round(time.Second), s.Err):
		default:
		}
	}
}

// refused reports whether err is a socket that takes no calls. An engine that is only slow is not lost.
func refused(err error) bool {
	return errors.Is(err, docker.ErrUnreachable) && !errors.Is(err, context.DeadlineExceeded)
}

// self is the report on the agent.
func (a *Agent) self() admin.Agent {
	s := a.status.Load()
	var expiry *admin.Expiry
	if a.config.Expiry != nil {
		expiry = a.config.Expiry()
	}
	return admin.Agent{
		Expiry:  expiry,
		Version: a.config.Version,
		PID:     os.Getpid(),
		Started: a.started,
		Engine: admin.Engine{
			Connected: s.Connected,
			Error:     text(s.Err),
			Version:   s.Engine.Version,
			API:       s.Engine.APIVersion,
			Listed:    s.Listed,
		},
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
