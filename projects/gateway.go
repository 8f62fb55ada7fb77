package projects

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"gateway/projects/policy"
	"gateway/proxy/route"
)

// Gateway is the running gateway, as far as projects ask it.
type Gateway interface {
	// Table is what it serves. The error wraps ErrNoGateway when none runs.
	Table(ctx context.Context) (Table, error)
	// Probe asks for a route as a client does, and returns an error when the gateway answers for the app.
	Probe(ctx context.Context, key route.Key) error
	// Listening are the addresses that a running container listens on, with an error when that cannot be found out.
	Listening(ctx context.Context, container string) ([]netip.AddrPort, error)
}

// Traffic is the running gateway, as far as deployments ask it.
type Traffic interface {
	Gateway
	// Check asks a container by itself and returns the status of the answer; the error says why there is none, or wraps
	// ErrNoChecks.
	Check(ctx context.Context, c Check) (status int, err error)
	// Queue makes requests for a route wait, as a person's pause does, which it leaves alone. Unqueue ends that, and leaves
	// a person's pause alone. A route that is not in the table is no error.
	Queue(ctx context.Context, key route.Key, q Queue) error
	Unqueue(ctx context.Context, key route.Key) error
}

// ErrNoGateway says that there is no running gateway to ask.
var ErrNoGateway = errors.New("no gateway is running")

// Table is what a gateway serves, and what keeps it from serving more.
type Table struct {
	Routes   []Route
	Problems []Problem
}

// Route is one entry of a table.
type Route struct {
	Key route.Key
	// Project is empty for a container without one, which Service then names.
	Project, Service string
	// State is "ready" for one that is served; Reason says why it is not, as far as that is known.
	State, Reason string
	// Paused says that its requests wait, so that nobody is answered.
	Paused  bool
	Targets []Target
}

// Target is a container that a route leads to. Its address may be invalid.
type Target struct {
	// ID is the start of the container's.
	ID, Name string
	Address  netip.AddrPort
	State    string
	// Inflight are the requests that it works on.
	Inflight int64
}

// is reports whether it is the container with that full id.
func (t Target) is(id string) bool { return t.ID != "" && strings.HasPrefix(id, t.ID) }

// Problem is what is wrong with the labels of a container, and how to fix it. Route is empty when it is about none.
type Problem struct{ Subject, Project, Route, Message, Fix string }

// of are the routes of a project.
func (t Table) of(name Name) []Route {
	var all []Route
	for _, r := range t.Routes {
		if r.Project == string(name) {
			all = append(all, r)
		}
	}
	return all
}

// held are the keys, and who has them.
func (t Table) held() []policy.Held {
	var all []policy.Held
	for _, r := range t.Routes {
		by := "project " + r.Project
		if r.Project == "" {
			by = "container " + r.Service
		}
		all = append(all, policy.Held{Key: r.Key, Project: r.Project, By: by})
	}
	return all
}
