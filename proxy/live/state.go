// Package live holds the current routing state: a table with all that the proxy needs to serve it, and what it knows of
// routes and targets from table to table. It knows nothing of how a request is served. The policy worth stating: a State is
// built whole beside the current one and replaces it atomically; what outlives a table is in a routeState or a targetState,
// which passes from one State to the next as one pointer.
package live

import (
	"cmp"
	"sync/atomic"
	"time"

	"gateway/proxy/accesslog"
	"gateway/proxy/balance"
	"gateway/proxy/engine"
	"gateway/proxy/filter"
	"gateway/proxy/health"
	"gateway/proxy/mapping"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// State is a table with what the proxy needs to serve it. It is immutable but for what it shares with the next one. The
// zero value is that of a proxy that never received a table.
type State struct {
	// Table is nil when there was none yet.
	Table   *route.Table
	Version Version
	// Checks are the targets whose health is checked.
	Checks []health.Target
	// Removed are the routes that were removed recently, the latest first.
	Removed []Tombstone

	routes map[*route.Route]*Route
	// targets have the state of the targets that get requests, upstreams their connections.
	targets   map[health.Key]*targetState
	upstreams map[endpoint]*engine.Upstream
	// retired are targets that get no new requests and may still have some. They belong to the Builder.
	retired map[endpoint]retired
	// sleepers are the units that may sleep, and those in use that could under the table before.
	sleepers map[Unit]*Sleeper
	// clients are the authorities of the hosts whose clients need certificates.
	clients map[string]*authorities
	// removedIndex finds the removed routes that a path falls under.
	removedIndex *route.Table
}

// Version identifies a State.
type Version struct {
	Revision uint64
	Since    time.Time
	// Restored reports that the table was read from disk.
	Restored bool
}

// Route is one route of a State.
type Route struct {
	Route *route.Route
	// Key is the route's as text.
	Key   string
	State route.State
	// LogPlace is the route in the access log, if there is one.
	LogPlace accesslog.Place
	// Targets are those that get requests, and Group chooses among them, by the same indexes.
	Targets []Target
	Group   *balance.Group
	// Outage and Traffic stay the same as long as tables have the route.
	Outage  *Outage
	Traffic *traffic.Route
	// Sleeper is nil for a route that never sleeps.
	Sleeper *Sleeper
	// Chain is the filters of its requests, and BodyMax the most bytes of their bodies, 0 for no limit.
	Chain   *filter.Chain
	BodyMax int64

	state *routeState
}

// routeState is the state of a route that lasts as long as tables have its key.
type routeState struct {
	outage  Outage
	traffic *traffic.Route
	// balance is what the groups of all tables share.
	balance balance.Shared
	// slashless is set when the app redirects prefix/ back to prefix. It is replaced when the app is another one.
	slashless *atomic.Bool
}

// Target is one target of a route with its state.
type Target struct {
	route.Target
	Upstream *engine.Upstream
	Balance  *balance.Target
	Contact  *Contact
	// App is the address at which the app knows itself.
	App *mapping.App
	// LogPlace is the target and its route in the access log, if there is one.
	LogPlace accesslog.Place
}

// targetState is the state of a target that lasts as long as tables have it with the same check.
type targetState struct {
	balance balance.Target
	contact Contact
}

// endpoint is the address and the scheme of targets, which share its connections.
type endpoint struct {
	scheme  route.Scheme
	address string
}

// endpointOf is that of a target.
func endpointOf(t *route.Target) endpoint { return endpoint{t.Scheme, t.Address} }

// targetKey identifies the state of a route's target: routes that check it in different ways have different states.
func targetKey(r *route.Route, t *route.Target) health.Key {
	key := health.Key{ID: t.ID, Address: t.Address, Scheme: t.Scheme, Check: r.Check}
	if r.Check.Path != "" {
		key.Host = r.Host
	}
	return key
}

// Of returns the Route of a route of the table.
func (s *State) Of(r *route.Route) *Route { return s.routes[r] }

// Lookup returns the route of that key, nil when the table has none.
func (s *State) Lookup(k route.Key) *Route {
	if s.Table == nil {
		return nil
	}
	return s.routes[s.Table.Lookup(k)]
}

// Routes are all routes, in the order of the table.
func (s *State) Routes() []*Route {
	if s.Table == nil {
		return nil
	}
	routes := s.Table.Routes()
	all := make([]*Route, len(routes))
	for i := range routes {
		all[i] = s.routes[&routes[i]]
	}
	return all
}

// Sleepers are the units that may sleep.
func (s *State) Sleepers() map[Unit]*Sleeper { return s.sleepers }

// Dismiss releases all requests that wait for a target, as the gateway ends.
func (s *State) Dismiss() {
	for _, r := range s.routes {
		r.Outage.Release()
	}
}

// App is the name by which clients know the app of the route.
func (r *Route) App() string { return r.Route.App() }

// Target returns the target with the same ID and address among those that get requests, nil if there is none.
func (r *Route) Target(t *route.Target) *Target {
	if r == nil {
		return nil
	}
	for i := range r.Targets {
		if was := &r.Targets[i]; was.ID == t.ID && was.Address == t.Address && was.Scheme == t.Scheme {
			return was
		}
	}
	return nil
}

// indexOf returns the index of a target, or -1.
func (r *Route) indexOf(t *balance.Target) int {
	for i := range r.Targets {
		if r.Targets[i].Balance == t {
			return i
		}
	}
	return -1
}

// Checked takes in a verdict of the active checks of a target, and the reason if it fails.
func (s *State) Checked(key health.Key, passing bool, reason string) {
	known := s.targets[key]
	if known == nil {
		return
	}
	known.contact.checked(reason)
	if !passing {
		known.balance.SetHealth(balance.Failing)
		s.recall(&known.balance)
		return
	}
	known.balance.SetHealth(balance.Passing)
	for _, r := range s.routes {
		if r.indexOf(&known.balance) >= 0 {
			r.Outage.Release()
		}
	}
}

// recall cancels requests waiting for a failing target, so that they are retried elsewhere, unless one of its routes has no
// other.
func (s *State) recall(target *balance.Target) {
	var failing *engine.Upstream
	for _, r := range s.routes {
		if i := r.indexOf(target); i >= 0 {
			failing = r.Targets[i].Upstream
		}
	}
	if failing == nil {
		return
	}
	for _, r := range s.routes {
		for _, t := range r.Targets {
			if t.Upstream == failing && !r.Group.Others([]*balance.Target{t.Balance}) {
				return
			}
		}
	}
	failing.Cancel()
}

// TargetStates counts the targets of the route by their state: that of the table, unless they fail checks or are ejected.
func (r *Route) TargetStates() map[string]int {
	count := make(map[string]int, 1)
	for i := range r.Route.Targets {
		t, state := &r.Route.Targets[i], ""
		if known := r.Target(t); known != nil {
			switch {
			case known.Balance.Health() == balance.Failing:
				state = string(route.Unhealthy)
			case known.Balance.Ejected():
				state = Ejected
			}
		}
		count[cmp.Or(state, string(t.State))]++
	}
	return count
}

// Ejected is the state of an ejected target in metrics. No table has it.
const Ejected = "ejected"
