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
	// Rate bounds each client on all routes, and may be nil. Memory is of all rates.
	Rate   *limit.Rate
	Memory *limit.Memory
	// Drain and BodyMax hold where a route says nothing else: see there.
	Drain   time.Duration
	BodyMax int64
	// Forwarded and Via are those of filter.Options.
	Forwarded bool
	Via       string
	// AccessLog reports that requests are logged.
	AccessLog bool

	compressors filter.Compressors
}

// Change is a State that is about to follow another.
type Change struct {
	builder   *Builder
	old, Next *State
}

// Build makes the State of a table. It takes effect when the caller puts Next in the place of the old one, and then calls
// Release.
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
		upstreams:    make(map[place]*engine.Upstream, len(routes)),
		retired:      map[place]retired{},
		sleepers:     old.nextSleepers(t, time.Now()),
		removedIndex: indexTombstones(removed),
	}
	c := Change{b, old, next}
	for i := range routes {
		next.routes[&routes[i]] = c.add(&routes[i], keys[i])
	}
	return c
}

// add prepares to serve a route.
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
			Target: *t, Upstream: c.upstream(placeOf(t)), Balance: &known.balance, Contact: &known.contact, App: mapping.NewApp(r, t),
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
	})
	if b.AccessLog {
		added.name()
	}
	return added
}

// routeState returns what is known of a route, given the one of its key before, nil for none.
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

// target returns what is known of a target: what this State has of it, else what the old one had.
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
			// Checked in another way now, it is what it was until the first of these checks.
			known.balance.SetHealth(was.Balance.Health())
		}
	}
	c.Next.targets[key] = known
	if checked {
		c.Next.Checks = append(c.Next.Checks, health.Target{Key: key, Name: t.Name})
	}
	return known
}

// upstream returns the connections to a target: those of this State, else of the old one, else new ones. One that was
// retired and comes back in time loses nothing.
func (c Change) upstream(at place) *engine.Upstream {
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

// name prepares what the log calls a route and its targets.
func (r *Route) name() {
	r.LogPlace = accesslog.NewPlace(r.Key, r.Route.Service, "", "")
	for i := range r.Targets {
		t := &r.Targets[i]
		t.LogPlace = accesslog.NewPlace(r.Key, r.Route.Service, t.Name, t.Address)
	}
}
