// Package discovery turns the containers of an engine into tables. It knows when to list and by which rules a
// container's labels, networks and state become a route; it does not know where tables go. It is level-triggered: any
// event leads to listing everything and to a whole new table. The policy worth stating: stale beats partial. A listing
// that fails publishes nothing.
package discovery

import (
	"context"
	"log/slog"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/route"
)

// HomeNetwork is the network that publishes the proxy's ports. The proxy never leaves it, and before API 1.48 joins
// no network whose name sorts before it, since that would move its default gateway.
const HomeNetwork = "0-gateway"

// ProxyName and AgentName are what gateway's own containers are called. Names are unique on an engine, unlike labels,
// which every image may bring along: only the container of that name is taken for the proxy.
const (
	ProxyName = "gateway-proxy"
	AgentName = "gateway-agent"
)

// Lister lists everything. What it returns is only read.
type Lister interface {
	// Engine negotiates the API version again.
	Engine(ctx context.Context) (docker.Engine, error)
	Containers(ctx context.Context, labels ...string) ([]docker.Container, error)
	Networks(ctx context.Context) ([]docker.Network, error)
}

// Inspector looks into one container.
type Inspector interface {
	Container(ctx context.Context, nameOrID string) (docker.Container, error)
	Logs(ctx context.Context, nameOrID string, lines int) (string, error)
}

// Streamer tells what changes.
type Streamer interface {
	// Events blocks until ctx ends or the stream breaks. Its first event is of type "stream": what changes after a
	// listing made from then on is told.
	Events(ctx context.Context, emit func(docker.Event)) error
}

// Joiner puts a container on networks and takes it off again.
type Joiner interface {
	Connect(ctx context.Context, network, container string, aliases []string) error
	Disconnect(ctx context.Context, network, container string) error
}

// Engine is what discovery needs of an engine.
type Engine interface {
	Lister
	Inspector
	Streamer
	Joiner
}

// Config says what to watch and whom to tell.
type Config struct {
	Engine Engine
	// Join makes the watcher put the proxy's container, found by ProxyName and gateway.role=proxy, on the networks of what
	// it routes to. Without it, or as long as there is no such container, every network counts as within reach.
	Join bool
	// Hosts are the site's host names, to which the proxy answers on the networks it joins.
	Hosts []string
	// Publish is called with every table that differs from the one before, never at the same time as Report, and must
	// not block.
	Publish func(*route.Table)
	// Report is called after every listing and every failure; nil is allowed. It must not block.
	Report func(Status)
	Logger *slog.Logger
}

// Status is how discovery gets along with the engine.
type Status struct {
	// Connected reports whether the last listing succeeded and the event stream is open; Err says why not.
	Connected bool
	Err       error
	// Engine is the last one heard of, zero when none was.
	Engine docker.Engine
	// Listed is when everything was last listed with success.
	Listed time.Time
}

// Watcher watches one engine.
type Watcher struct {
	config Config
	// status, marks and published belong to the loop of a session, network, memo and crashes to its observing goroutine.
	status    Status
	marks     marks
	published string
	network   *membership
	memo      memo
	crashes   crashes
}

// New prepares a watcher.
func New(c Config) *Watcher {
	if c.Report == nil {
		c.Report = func(Status) {}
	}
	return &Watcher{config: c, marks: marks{}, network: newMembership(c)}
}

// Run watches until ctx ends, and returns nil then. It outlives the engine: when that goes away it goes on trying,
// and publishes nothing until it has listed everything again. It is to be called once.
func (w *Watcher) Run(ctx context.Context) error {
	retry := backoff{least: firstRetry, most: lastRetry}
	for {
		s := newSession(w)
		err := s.Run(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if s.listed {
			retry.reset()
		}
		w.lost(ctx, err)
		if !retry.wait(ctx) {
			return nil
		}
	}
}

// lost reports that the engine is out of reach; only the first of several failures is worth a warning.
func (w *Watcher) lost(ctx context.Context, err error) {
	level := slog.LevelDebug
	if w.status.Connected || w.status.Err == nil {
		level = slog.LevelWarn
	}
	w.config.Logger.Log(ctx, level, "lost the engine, keeping the routes", "error", err)
	w.status.Connected, w.status.Err = false, err
	w.config.Report(w.status)
}

// found notes a successful listing.
func (w *Watcher) found(o *observation) {
	if !w.status.Connected {
		w.config.Logger.Info("watching the engine", "version", o.engine.Version, "api", o.engine.APIVersion)
	}
	w.status = Status{Connected: true, Engine: o.engine, Listed: o.begun}
	w.config.Report(w.status)
}

// publish passes a table on when it differs from the one before.
func (w *Watcher) publish(t *route.Table) {
	if t.Digest() == w.published {
		return
	}
	w.published = t.Digest()
	w.config.Publish(t)
}
