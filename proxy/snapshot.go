package proxy

import (
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

// snapshot is a table with what the proxy needs to serve it. It is immutable but for counters, which pass from one
// snapshot to the next. The zero value is that of a proxy that never saw a table.
type snapshot struct {
	// table is nil when none was ever received.
	table   *route.Table
	version version
	serving map[*route.Route]*serving
	// upstreams and members are what is known of the targets that take requests.
	upstreams map[place]*engine.Upstream
	members   map[health.Key]*balance.Member
	contacts  map[health.Key]*contact
	// retired are targets that get no more requests and may still have some. They belong to those who replace the table.
	retired map[place]retired
	// sleepers are the units that may sleep, and those that lately might and are in use.
	sleepers map[unit]*sleeper
	// checks are the targets whose health is checked.
	checks []health.Target
	gone   []gone
	// goneIndex finds the removed routes that a path falls under.
	goneIndex *route.Table
}

// version is what the admin API says of a table.
type version struct {
	revision uint64
	since    time.Time
	restored bool
}

// serving is one route of a snapshot.
type serving struct {
	route *route.Route
	// key is the route's as text.
	key string
	// logPlace is what the access log calls it, if there is one.
	logPlace accesslog.Place
	state    route.State
	// ready are the targets that take requests, and group chooses among them, by the same indexes.
	ready  []target
	group  *balance.Group
	outage *outage
	// sleeper is nil for a route that never sleeps.
	sleeper *sleeper
	// chain is the filters of its requests, and bodyMax the most bytes of their bodies, 0 for any number.
	chain   filter.Chain
	bodyMax int64
	traffic *traffic.Route
	// strips reports that the app does not know where it is mounted.
	strips bool
	// slashless is set when the app redirects prefix/ back to prefix: redirecting it the other way would never end.
	slashless *atomic.Bool
}

// target is one address of a route with what is known of it.
type target struct {
	*route.Target
	upstream *engine.Upstream
	member   *balance.Member
	// app is how the target knows itself.
	app     *mapping.App
	contact *contact
	// logPlace is what the access log calls it and its route, if there is one.
	logPlace accesslog.Place
}

// place is where a target answers, and how it is spoken to.
type place struct {
	scheme  route.Scheme
	address string
}

// succession is how one snapshot follows another.
type succession struct {
	*Server
	old, next *snapshot
}

// succeed prepares to apply a table after the current one.
func (s *Server) succeed(t *route.Table, v version, gone []gone) succession {
	routes := t.Routes()
	next := &snapshot{
		table:     t,
		version:   v,
		serving:   make(map[*route.Route]*serving, len(routes)),
		upstreams: make(map[place]*engine.Upstream, len(routes)),
		members:   make(map[health.Key]*balance.Member, len(routes)),
		contacts:  make(map[health.Key]*contact, len(routes)),
		retired:   map[place]retired{},
		sleepers:  map[unit]*sleeper{},
		gone:      gone,
		goneIndex: indexGone(gone),
	}
	c := succession{s, s.current.Load(), next}
	c.sleepers()
	for i := range routes {
		next.serving[&routes[i]] = c.add(&routes[i])
	}
	return c
}

// add prepares to serve a route.
func (c succession) add(r *route.Route) *serving {
	before, key := c.old.servingOf(r.Key), r.Key.String()
	added := &serving{
		route:     r,
		key:       key,
		state:     r.State(),
		strips:    r.Mount != route.Preserve,
		slashless: before.slashlessFor(r),
		traffic:   c.book.Route(key),
		sleeper:   c.next.sleepers[unitOf(r)],
		bodyMax:   r.BodyMax,
	}
	if added.bodyMax == 0 {
		added.bodyMax = c.config.BodyMax
	}
	var targets []balance.Target
	for j := range r.Targets {
		t := &r.Targets[j]
		if t.State != route.Ready || t.Address == "" || r.Redirect != "" { // A redirect asks no target.
			continue
		}
		at := place{t.Scheme, t.Address}
		if c.next.upstreams[at] == nil {
			c.next.upstreams[at] = c.upstream(at)
		}
		ready := target{Target: t, upstream: c.next.upstreams[at], member: c.next.member(r, t, c.old), app: mapping.NewApp(r, t), contact: c.next.contact(checkKey(r, t), c.old)}
		added.ready = append(added.ready, ready)
		targets = append(targets, balance.Target{Member: ready.member, ID: t.ID})
	}
	added.group = balance.New(balance.Options{
		Strategy: balance.Strategy(r.Balance),
		Checked:  r.Check.Path != "",
		Signer:   c.signing.signerFor(r),
		Route:    key,
	}, targets, before.groupOf())
	added.chain = filter.New(filter.Options{
		Route:       r,
		Rates:       [2]*limit.Rate{c.rate, c.memory.Rate(key, r.Rate.Requests, r.Rate.Per, r.Rate.Burst)},
		Memory:      c.memory,
		BodyMax:     added.bodyMax,
		Group:       added.group,
		Compressors: &c.compressors,
		Slashless:   added.slashless,
		Forwarded:   c.config.Forwarded,
		Via:         c.config.Via,
	})
	if c.config.AccessLog != nil {
		added.name()
	}
	added.outage = before.outageOf(len(added.ready) > 0, c.old.leftAt(r.Key), time.Now())
	return added
}

// checkKey names what is known of a target as one route's: routes may check it in different ways.
func checkKey(r *route.Route, t *route.Target) health.Key {
	key := health.Key{ID: t.ID, Address: t.Address, Scheme: t.Scheme, Check: r.Check}
	if r.Check.Path != "" {
		key.Host = r.Host
	}
	return key
}

// member returns what is known of a target: what this snapshot has of it, else what the old one had.
func (s *snapshot) member(r *route.Route, t *route.Target, old *snapshot) *balance.Member {
	key := checkKey(r, t)
	m := s.members[key]
	if m != nil {
		return m
	}
	checked := r.Check.Path != ""
	if m = old.members[key]; m == nil {
		m = new(balance.Member)
		if was := old.servingOf(r.Key).memberOf(t); was != nil && checked {
			// Checked in another way now, it is what it was until the first of these checks.
			m.SetHealth(was.Health())
		}
	}
	s.members[key] = m
	if checked {
		s.checks = append(s.checks, health.Target{Key: key, Name: t.Name})
	}
	return m
}

// contact returns what is known of how a target answers: what this snapshot has of it, else what the old one had.
func (s *snapshot) contact(key health.Key, old *snapshot) *contact {
	c := s.contacts[key]
	if c != nil {
		return c
	}
	if c = old.contacts[key]; c == nil {
		c = new(contact)
	}
	s.contacts[key] = c
	return c
}

// servingOf returns a route of the snapshot, or nil.
func (s *snapshot) servingOf(k route.Key) *serving {
	if s.table == nil {
		return nil
	}
	return s.serving[s.table.Lookup(k)]
}

// memberOf is what is known of the same target at the same address, nil if nothing is.
func (s *serving) memberOf(t *route.Target) *balance.Member {
	if same := s.readyAs(t); same != nil {
		return same.member
	}
	return nil
}

// readyAs is the same target at the same address among those that take requests, nil if it is not.
func (s *serving) readyAs(t *route.Target) *target {
	if s == nil {
		return nil
	}
	for i := range s.ready {
		if was := &s.ready[i]; was.ID == t.ID && was.Address == t.Address && was.Scheme == t.Scheme {
			return was
		}
	}
	return nil
}

func (s *serving) groupOf() *balance.Group {
	if s == nil {
		return nil
	}
	return s.group
}

// slashlessFor returns what was learnt of the same app at the same prefix.
func (s *serving) slashlessFor(r *route.Route) *atomic.Bool {
	if s != nil && s.route.Service == r.Service && s.route.Project == r.Project && s.route.Mount == r.Mount {
		return s.slashless
	}
	return new(atomic.Bool)
}

// sameOnDisk reports whether two snapshots are stored as the same bytes.
func (s *snapshot) sameOnDisk(other *snapshot) bool {
	return s != nil && s.version.revision == other.version.revision
}
