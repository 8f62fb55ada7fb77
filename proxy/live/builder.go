package live

import (
	"log/slog"
	"sync/atomic"
	"time"

	"gateway/proxy/accesslog"
	"gateway/proxy/balance"
	"gateway/proxy/engine"
	"gateway/proxy/filter"
	"gateway/proxy/health"
	"gateway/proxy/limit"
	"gateway/proxy/mapping"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// Builder makes each State from a table and the State before it. Its methods are called by one goroutine at a time.
type Builder struct {
	Engine  *engine.Engine
	Traffic *traffic.Registry
	Log     *slog.Logger
	Signing *Signing
	// Rate limits each client on all routes, and may be nil. Memory is that of all rates.
	Rate   *limit.Rate
	Memory *limit.Memory
	// Drain and BodyMax are the defaults of routes without their own.
	Drain   time.Duration
	BodyMax int64
	// Forwarded and Via are those of filter.Options.
	Forwarded bool
	Via       string
	// HTTPS is that of filter.Options.
	HTTPS filter.HTTPS
	// AccessLog reports that requests are logged.
	AccessLog bool

	compressors filter.Compressors
}

// Change replaces one State by the next.
type Change struct {
	builder   *Builder
	old, Next *State
}

// Build makes the State of a table. To apply it, the caller replaces the old State by Next and then calls Release.
func (b *Builder) Build(old *State, t *route.Table, v Version, removed []Tombstone) Change {
	routes := t.Routes()
	keys := make([]string, len(routes))
	for i := range routes {
		keys[i] = routes[i].Key.String()
	}
	b.Traffic.Keep(keys, time.Now())
	next := &State{
		Table:        t,
		Version:      v,
		Removed:      removed,
		routes:       make(map[*route.Route]*Route, len(routes)),
		targets:      make(map[health.Key]*targetState, len(routes)),
		upstreams:    make(map[endpoint]*engine.Upstream, len(routes)),
		retired:      map[endpoint]retired{},
		sleepers:     old.nextSleepers(t, time.Now()),
		clients:      old.nextClients(t),
		removedIndex: indexTombstones(removed),
	}
	c := Change{b, old, next}
	for i := range routes {
		next.routes[&routes[i]] = c.add(&routes[i], keys[i])
	}
	return c
}

// add makes the Route of a route.
func (c Change) add(r *route.Route, key string) *Route {
	b, before := c.builder, c.old.Lookup(r.Key)
	added := &Route{
		Route:   r,
		Key:     key,
		State:   r.State(),
		Sleeper: c.Next.sleepers[unitOf(r)],
		BodyMax: r.BodyMax,
	}
	if added.BodyMax == 0 {
		added.BodyMax = b.BodyMax
	}
	var targets []*balance.Target
	for i := range r.Targets {
		t := &r.Targets[i]
		if t.State != route.Ready || t.Address == "" || r.Redirect != "" { // A redirect asks no target.
			continue
		}
		known := c.target(r, t)
		added.Targets = append(added.Targets, Target{
			Target: *t, Upstream: c.upstream(endpointOf(t)), Balance: &known.balance, Contact: &known.contact, App: mapping.NewApp(r, t),
		})
		targets = append(targets, &known.balance)
	}
	added.state = c.routeState(before, added)
	added.Outage, added.Traffic = &added.state.outage, added.state.traffic
	added.Group = balance.New(balance.Options{
		Strategy: balance.Strategy(r.Balance),
		Checked:  r.Check.Path != "",
		Signer:   b.Signing.signerFor(r),
		Route:    key,
		Shared:   &added.state.balance,
	}, targets)
	added.Chain = filter.New(filter.Options{
		Route:       r,
		Rates:       [2]*limit.Rate{b.Rate, b.Memory.Rate(key, r.Rate.Requests, r.Rate.Per, r.Rate.Burst)},
		Memory:      b.Memory,
		BodyMax:     added.BodyMax,
		Group:       added.Group,
		Compressors: &b.compressors,
		Slashless:   added.state.slashless,
		Forwarded:   b.Forwarded,
		Via:         b.Via,
		HTTPS:       &b.HTTPS,
	})
	if b.AccessLog {
		added.name()
	}
	return added
}

// routeState returns the state of a route, given the Route with its key before, nil for none.
func (c Change) routeState(before, now *Route) *routeState {
	ready := len(now.Targets) > 0
	if before == nil {
		s := &routeState{traffic: c.builder.Traffic.Route(now.Key), slashless: new(atomic.Bool)}
		s.outage.start(ready, c.old.removedAt(now.Route.Key))
		return s
	}
	s, was := before.state, before.Route
	if was.Service != now.Route.Service || was.Project != now.Route.Project || was.Mount != now.Route.Mount {
		s.slashless = new(atomic.Bool)
	}
	s.outage.change(len(before.Targets) > 0, ready, time.Now())
	return s
}

// target returns the state of a target: that of this State, else of the old one, else a new one.
func (c Change) target(r *route.Route, t *route.Target) *targetState {
	key := targetKey(r, t)
	known := c.Next.targets[key]
	if known != nil {
		return known
	}
	checked := r.Check.Path != ""
	if known = c.old.targets[key]; known == nil {
		known = &targetState{balance: balance.Target{ID: t.ID}}
		if was := c.old.Lookup(r.Key).Target(t); was != nil && checked {
			// With another check now, it keeps its health until the first one.
			known.balance.SetHealth(was.Balance.Health())
		}
	}
	c.Next.targets[key] = known
	if checked {
		c.Next.Checks = append(c.Next.Checks, health.Target{Key: key, Name: t.Name})
	}
	return known
}

// upstream returns the connections to an endpoint: those of this State, else of the old one, else new ones. A retired one
// that comes back in time keeps them.
func (c Change) upstream(at endpoint) *engine.Upstream {
	u := c.Next.upstreams[at]
	if u != nil {
		return u
	}
	if u = c.old.upstreams[at]; u == nil {
		u = c.old.retired[at].upstream
	}
	if u == nil {
		u = c.builder.Engine.Upstream(engine.Scheme(at.scheme), at.address)
	} else {
		u.Drain(0)
	}
	c.Next.upstreams[at] = u
	return u
}

// name sets the names of a route and its targets in the access log.
func (r *Route) name() {
	r.LogPlace = accesslog.NewPlace(r.Key, r.Route.Service, "", "")
	for i := range r.Targets {
		t := &r.Targets[i]
		t.LogPlace = accesslog.NewPlace(r.Key, r.Route.Service, t.Name, t.Address)
	}
}
