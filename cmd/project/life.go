package project

import (
	"context"
	"fmt"
	"net/netip"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/subnet"
	"gateway/proxy/route"
)

// life is what changes projects. Advise says how to name another port of an app; the default is its label.
func life(s *cli.Session, advise ...func(port uint16) string) (projects.Life, error) {
	service, err := s.Compose()
	if err != nil {
		return projects.Life{}, err
	}
	note := func(text string) { s.Env.Notef("%s\n", text) }
	ready := projects.Readiness{
		Gateway: gateway{s}, Engine: s.Engine, Emit: s.Progress.Emit, Tick: s.Progress.Tick, Note: note,
		Advise: func(port uint16) string { return fmt.Sprintf("set the label gateway.port to %d", port) },
	}
	for _, a := range advise {
		ready.Advise = a
	}
	l := projects.Life{
		Store: s.Store, Engine: s.Engine, Compose: service, Gateway: gateway{s}, Ready: ready.Await, Remote: cli.Remote(s.Host),
		Planned: func(c *projects.Change) error {
			tell(s.Env, c.Notes)
			return nil
		},
		Note: note, Emit: s.Progress.Emit,
	}
	if cli.Local(s.Host) {
		l.HostRoutes = subnet.HostRoutes
	}
	return l, nil
}

// gateway is the running gateway as projects ask it.
type gateway struct{ session *cli.Session }

// Table is what it serves.
func (g gateway) Table(ctx context.Context) (projects.Table, error) {
	var t projects.Table
	client, err := g.session.Gateway(ctx)
	if err != nil {
		return t, err
	}
	now, err := client.Routes(ctx)
	if err != nil {
		return t, err
	}
	for _, r := range now.Routes {
		key, err := route.ParseKey(r.Key)
		if err != nil {
			continue
		}
		entry := projects.Route{Key: key, Project: r.Project, Service: r.Service, State: r.State, Reason: r.Reason, Paused: r.Paused != nil}
		if !r.OnEngine() {
			entry.Project, entry.Service = "", r.Source+"/"+r.Service // It holds its path, and is no project's.
		}
		for _, target := range r.Targets {
			at, _ := netip.ParseAddrPort(target.Address)
			entry.Targets = append(entry.Targets, projects.Target{
				ID: target.ID, Name: target.Name, Address: at, State: target.State, Inflight: target.Inflight,
			})
		}
		t.Routes = append(t.Routes, entry)
	}
	for _, p := range now.Problems {
		t.Problems = append(t.Problems, projects.Problem{Subject: p.Subject, Project: p.Project, Route: p.Route, Message: p.Message, Fix: p.Fix})
	}
	return t, nil
}

// Probe asks for a route the way a client does.
func (g gateway) Probe(ctx context.Context, key route.Key) error {
	client, err := g.session.Gateway(ctx)
	if err != nil {
		return err
	}
	at, err := g.session.Address(ctx, client)
	if err != nil {
		return err
	}
	return at.Probe(ctx, key)
}

// Listening are the addresses that a container listens on.
func (g gateway) Listening(ctx context.Context, container string) ([]netip.AddrPort, error) {
	return listening(ctx, g.session, container)
}
