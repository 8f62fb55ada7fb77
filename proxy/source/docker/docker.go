// Package docker is the source that lists the containers of a Docker engine. It knows when to list and by which rules a
// container's labels, networks and state become a route; it does not know where listings go. It is level-triggered: after
// any event it lists everything. The policy worth stating: a listing that fails publishes nothing.
package docker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gateway/proxy/backoff"
	"gateway/proxy/docker"
	"gateway/proxy/source"
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
	// listing made from then on has an event.
	Events(ctx context.Context, emit func(docker.Event)) error
}

// Joiner puts a container on networks and takes it off again.
type Joiner interface {
	Connect(ctx context.Context, network, container string, aliases []string) error
	Disconnect(ctx context.Context, network, container string) error
}

// Engine is what the source needs of an engine.
type Engine interface {
	Lister
	Inspector
	Streamer
	Joiner
}

// Config says what to watch.
type Config struct {
	// Name is the source's, which its routes bear.
	Name   string
	Engine Engine
	// Join makes the source put the proxy's container, found by ProxyName and gateway.role=proxy, on the networks of what
	// it routes to. Without it, or as long as there is no such container, every network counts as within reach.
	Join bool
	// Hosts are the site's host names, to which the proxy answers on the networks it joins.
	Hosts  []string
	Logger *slog.Logger
}

// The times of reconnecting.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Source lists one engine.
type Source struct {
	config Config
	to     source.Receiver
	// status and marks belong to the loop of a session, network and crashes to its observing goroutine.
	status  source.Status
	marks   marks
	network *membership
	crashes crashes
}

// New prepares a source.
func New(c Config) *Source {
	return &Source{config: c, marks: marks{}, network: newMembership(c)}
}

// Run publishes listings until ctx ends, as source.Source says; it needs no last one. It outlives the engine: when that
// goes away it goes on trying, and publishes nothing until it has listed everything again.
func (s *Source) Run(ctx context.Context, _ source.Listing, to source.Receiver) error {
	s.to = to
	retry := backoff.Delay{Least: firstRetry, Most: lastRetry}
	for {
		session := newSession(s)
		err := session.Run(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if session.listed {
			retry.Reset()
		}
		s.lost(ctx, err)
		if !retry.Wait(ctx) {
			return nil
		}
	}
}

// lost reports that the engine is out of reach; only the first of several failures is worth a warning.
func (s *Source) lost(ctx context.Context, err error) {
	level := slog.LevelDebug
	if s.status.Connected || s.status.Err == nil {
		level = slog.LevelWarn
	}
	s.config.Logger.Log(ctx, level, "lost the engine, keeping the routes", "error", err)
	s.status.Connected, s.status.Err = false, err
	s.to.Report(s.status)
}

// found notes a successful listing.
func (s *Source) found(o *observation) {
	if !s.status.Connected {
		s.config.Logger.Info("watching the engine", "version", o.engine.Version, "api", o.engine.APIVersion)
	}
	version := fmt.Sprintf("Docker %s (API %s)", o.engine.Version, o.engine.APIVersion)
	s.status = source.Status{Connected: true, Version: version, Listed: o.begun}
	s.to.Report(s.status)
}
