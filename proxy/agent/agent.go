// Package agent runs a source in a process of its own, such as the one that has the Docker socket: it pushes each listing to
// the proxy and reports on the source, and it stops and starts the projects that the proxy says are to sleep or to wake. It
// listens nowhere and decides nothing about routes. The policies worth stating: the newest listing wins, and a proxy that is
// slow or away never holds up the source; as long as the source has not listed, nothing is pushed, so that the proxy goes on
// with what it has.
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
	"gateway/proxy/certificate"
	"gateway/proxy/docker"
	"gateway/proxy/route"
	"gateway/proxy/source"
)

// ErrLost is wrapped by the error of Run when the engine's socket stayed out of reach.
var ErrLost = errors.New("the engine's socket is lost")

// lostAfter is how long the engine may be out of reach before ExitWhenLost ends the agent.
const lostAfter = 15 * time.Second

// Proxy is what is pushed to. Each call may fail at any time; the agent then tries again.
type Proxy interface {
	PutTable(ctx context.Context, source string, table admin.RawTable) (admin.Pushed, error)
	PutSource(ctx context.Context, s admin.Source) (admin.Pushed, error)
}

// Config says what to run and what to push to.
type Config struct {
	// Name is that of the source at the proxy.
	Name   string
	Source source.Source
	Proxy  Proxy
	// Sleeping is the engine of the source, for putting projects to sleep and waking them as Orders says. Without Orders none is.
	Sleeping Sleeping
	Orders   Orders
	// Files are certificates to push to FilesProxy; nil for none.
	Files      *certificate.Reader
	FilesProxy FilesProxy
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

// Agent runs one source for one proxy.
type Agent struct {
	config  Config
	started time.Time
	// table has one slot, for the newest table that the pusher has not taken yet.
	table chan *route.Table
	// status is the newest; changed has one slot and says that more of it changed than the time of listing.
	status  atomic.Pointer[source.Status]
	changed chan struct{}
	// filer is nil without Config.Files.
	filer *filer
	// lost has one slot, for the error that ends Run.
	lost chan error
	// published is the digest of the last listing, and outSince the first of the failures in a row to reach the engine; both
	// belong to the source's goroutine.
	published string
	outSince  time.Time
}

// New prepares an agent.
func New(c Config) *Agent {
	a := &Agent{
		config: c, started: time.Now(),
		table: make(chan *route.Table, 1), changed: make(chan struct{}, 1), lost: make(chan error, 1),
	}
	a.status.Store(&source.Status{})
	if c.Files != nil {
		a.filer = newFiler(c)
	}
	return a
}

// Run runs the source and pushes until ctx ends, and returns nil then. Neither an engine nor a proxy that is away ends it,
// except as Config.ExitWhenLost says. It is to be called once.
func (a *Agent) Run(ctx context.Context) error {
	outer := ctx
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return a.config.Source.Run(ctx, source.Listing{}, source.Receiver{Publish: a.publish, Report: a.report})
	})
	group.Go(func() error { return newPusher(a).Run(ctx) })
	if a.config.Orders != nil {
		s := &sleeper{source: a.config.Name, engine: a.config.Sleeping, proxy: a.config.Orders, log: a.config.Logger, busy: map[admin.Order]bool{}}
		group.Go(func() error { return s.Run(ctx) })
	}
	if a.filer != nil {
		group.Go(func() error { return a.filer.Run(ctx) })
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

// publish puts a listing that differs from the one before into the mailbox, in the place of one that was not taken yet.
func (a *Agent) publish(l source.Listing) {
	t := route.Build(l.Routes, l.Problems)
	if t.Digest() == a.published {
		return
	}
	a.published = t.Digest()
	select {
	case <-a.table:
	default:
	}
	a.table <- t
}

// report takes what the source says of itself.
func (a *Agent) report(s source.Status) {
	old := a.status.Swap(&s)
	if old.Connected != s.Connected || text(old.Err) != text(s.Err) || old.Version != s.Version {
		select {
		case a.changed <- struct{}{}:
		default:
		}
	}
	a.watchLoss(s)
}

// watchLoss ends Run when the engine was out of reach for too long.
func (a *Agent) watchLoss(s source.Status) {
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

// self is the report on the source and the agent.
func (a *Agent) self() admin.Source {
	s := a.status.Load()
	var expiry *admin.Expiry
	if a.config.Expiry != nil {
		expiry = a.config.Expiry()
	}
	return admin.Source{
		Name:      a.config.Name,
		Connected: s.Connected,
		Error:     text(s.Err),
		Version:   s.Version,
		Listed:    s.Listed,
		Agent:     &admin.Agent{Version: a.config.Version, PID: os.Getpid(), Started: a.started, Expiry: expiry},
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
