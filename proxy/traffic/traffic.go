// Package traffic counts the requests of routes: totals by class, bytes, latencies and requests under way, the rate and the
// quantiles of the last minute, and the last requests. It knows routes by their keys alone. Each request is counted in
// exactly one place, whatever happens to the table meanwhile. Memory is bounded: a route that left the table is forgotten
// after a while, its counts are merged into one total of removed routes, and a route without requests costs next to
// nothing. The caller gives all times.
package traffic

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

const (
	// keepLeft is how long a route is kept after it left the table, since it may come back.
	keepLeft = 10 * time.Minute
	// mostLeft is how many of them are kept at most.
	mostLeft = 1000
)

// Registry has the counts of all routes. The zero value is empty; it is safe for concurrent use, and must not be copied.
type Registry struct {
	unrouted Route

	mu     sync.Mutex
	routes map[string]*Route
	left   map[string]leftRoute
	// removed has the counts of forgotten routes.
	removed Route
}

// leftRoute is a route that left the table.
type leftRoute struct {
	key   string
	route *Route
	at    time.Time
}

// Keep sets the keys of the current routes as of now. New routes start at zero, unless they left less than ten minutes ago:
// then they go on. At most 1,000 of those that left are kept, first those with requests. A request that found its route in
// an earlier table counts there. A forgotten route may still be used; what it counts is added to the removed routes.
func (g *Registry) Keep(keys []string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.routes
	g.routes = make(map[string]*Route, len(keys))
	for _, key := range keys {
		g.routes[key] = cmp.Or(old[key], g.left[key].route, g.routes[key])
		if g.routes[key] == nil {
			g.routes[key] = new(Route)
		}
		delete(g.left, key)
	}
	for key, r := range old {
		if g.routes[key] == nil {
			g.leave(leftRoute{key, r, now})
		}
	}
	g.forget(now)
}

// leave remembers a route that left. The caller holds mu.
func (g *Registry) leave(d leftRoute) {
	if g.left == nil {
		g.left = map[string]leftRoute{}
	}
	g.left[d.key] = d
}

// forget forgets the routes that left long ago, and those above the bound: first those without requests, then those that
// left first. The caller holds mu.
func (g *Registry) forget(now time.Time) {
	for key, d := range g.left {
		if now.Sub(d.at) >= keepLeft {
			g.drop(key)
		}
	}
	if len(g.left) <= mostLeft {
		return
	}
	var used, unused []leftRoute
	for _, d := range g.left {
		if d.route.used() {
			used = append(used, d)
		} else {
			unused = append(unused, d)
		}
	}
	for _, some := range [][]leftRoute{unused, used} {
		slices.SortFunc(some, func(x, y leftRoute) int {
			return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.key, y.key))
		})
	}
	for _, d := range slices.Concat(unused, used)[:len(g.left)-mostLeft] {
		g.drop(d.key)
	}
}

func (g *Registry) drop(key string) {
	g.left[key].route.mergeInto(&g.removed)
	delete(g.left, key)
}

// Route returns the current route of that key, nil when there is none.
func (g *Registry) Route(key string) *Route {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.routes[key]
}

// Unrouted counts the requests that belong to no route, such as those that were refused. It is never nil.
func (g *Registry) Unrouted() *Route { return &g.unrouted }

// all calls do for everything that counts. The caller holds mu.
func (g *Registry) all(do func(*Route)) {
	for _, r := range g.routes {
		do(r)
	}
	for _, d := range g.left {
		do(d.route)
	}
	do(&g.unrouted)
	do(&g.removed)
}

// Requests is the number of requests that ended, of all routes and of none.
func (g *Registry) Requests() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	var sum uint64
	g.all(func(r *Route) { sum += r.ended() })
	return sum
}

// Inflight is the number of requests under way.
func (g *Registry) Inflight() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	var sum int64
	g.all(func(r *Route) { sum += r.inflight.Load() })
	return sum
}

// Snapshot is the counts of a Registry. Every request that ended is in exactly one of them.
type Snapshot struct {
	// Routes are those of the table, and those that left lately and had requests, in no order.
	Routes []RouteCounts
	// Unrouted is of requests that belong to no route, Removed of all forgotten routes.
	Unrouted, Removed Counts
}

// RouteCounts are the counts of one route.
type RouteCounts struct {
	Key string
	Counts
}

// Snapshot returns all counts as of now. Routes that left too long ago are forgotten first.
func (g *Registry) Snapshot(now time.Time) Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget(now)
	l := Snapshot{
		Routes:   make([]RouteCounts, 0, len(g.routes)+len(g.left)),
		Unrouted: g.unrouted.Counts(),
		Removed:  g.removed.Counts(),
	}
	for key, r := range g.routes {
		l.Routes = append(l.Routes, RouteCounts{key, r.Counts()})
	}
	for key, d := range g.left {
		if d.route.used() {
			l.Routes = append(l.Routes, RouteCounts{key, d.route.Counts()})
		}
	}
	return l
}
