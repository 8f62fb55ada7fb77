package projects

import (
	"context"
	"errors"
	"net/netip"

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
	Targets       []Target
}

// Target is a container that a route leads to. Its address may be invalid.
type Target struct {
	Name    string
	Address netip.AddrPort
}

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
