// Package traffic counts what routes see: totals by class, bytes, latencies and requests under way, the rate and the
// quantiles of the last minute, and the last requests. It knows routes by their keys alone. Each request is counted in
// exactly one place, whatever happens to the table meanwhile. What it keeps is bounded: a route that left the table is
// forgotten after a while, all that stays of it is in one remainder, and a route without requests costs next to
// nothing. All times are given by the caller.
package traffic

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

const (
	// keepLeft is how long the figures of a route are kept after it left the table: it may be gone for a moment only.
	keepLeft = 10 * time.Minute
	// mostLeft bounds how many are kept.
	mostLeft = 1000
)

// Book holds the figures of all routes. The zero value is empty; it is safe for concurrent use, and not to be copied.
type Book struct {
	stray Route

	mu     sync.Mutex
	routes map[string]*Route
	left   map[string]departed
	// removed has what the routes counted that are forgotten.
	removed Route
}

// departed is a route that left the table.
type departed struct {
	key   string
	route *Route
	at    time.Time
}

// Keep makes the book hold exactly the routes with these keys as of now. New ones start at zero, unless they left less
// than ten minutes ago: then they go on. Of those that left, at most 1,000 are remembered, those that were asked first. A
// request that found its route in the table before counts there. Who still holds a forgotten route may go on counting in
// it; what is counted arrives in the remainder.
func (b *Book) Keep(keys []string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.routes
	b.routes = make(map[string]*Route, len(keys))
	for _, key := range keys {
		b.routes[key] = cmp.Or(old[key], b.left[key].route, b.routes[key])
		if b.routes[key] == nil {
			b.routes[key] = new(Route)
		}
		delete(b.left, key)
	}
	for key, r := range old {
		if b.routes[key] == nil {
			b.leave(departed{key, r, now})
		}
	}
	b.forget(now)
}

// leave remembers a route that left. The caller holds mu.
func (b *Book) leave(d departed) {
	if b.left == nil {
		b.left = map[string]departed{}
	}
	b.left[d.key] = d
}

// forget forgets the routes that left long ago, and those above the bound: those that were never asked, then those that
// left first. The caller holds mu.
func (b *Book) forget(now time.Time) {
	for key, d := range b.left {
		if now.Sub(d.at) >= keepLeft {
			b.drop(key)
		}
	}
	if len(b.left) <= mostLeft {
		return
	}
	var asked, unasked []departed
	for _, d := range b.left {
		if d.route.used() {
			asked = append(asked, d)
		} else {
			unasked = append(unasked, d)
		}
	}
	for _, some := range [][]departed{unasked, asked} {
		slices.SortFunc(some, func(x, y departed) int {
			return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.key, y.key))
		})
	}
	for _, d := range slices.Concat(unasked, asked)[:len(b.left)-mostLeft] {
		b.drop(d.key)
	}
}

func (b *Book) drop(key string) {
	b.left[key].route.bequeath(&b.removed)
	delete(b.left, key)
}

// Route returns the figures of a route, or nil when the book does not hold it.
func (b *Book) Route(key string) *Route {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.routes[key]
}

// Stray has the figures of the requests that belong to no route, such as those that were refused. It is never nil.
func (b *Book) Stray() *Route { return &b.stray }

// all calls for every place where something may have been counted. The caller holds mu.
func (b *Book) all(visit func(*Route)) {
	for _, r := range b.routes {
		visit(r)
	}
	for _, d := range b.left {
		visit(d.route)
	}
	visit(&b.stray)
	visit(&b.removed)
}

// Requests is the number of requests that ended, of all routes and of none.
func (b *Book) Requests() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sum uint64
	b.all(func(r *Route) { sum += r.ended() })
	return sum
}

// Inflight is the number of requests under way.
func (b *Book) Inflight() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sum int64
	b.all(func(r *Route) { sum += r.inflight.Load() })
	return sum
}

// Ledger is what a book has counted. Every request that ended is in exactly one of the counts.
type Ledger struct {
	// Routes are those of the table, and those that left lately and were asked, in no order.
	Routes []RouteCounts
	// Stray is of requests that belong to no route, Removed of all routes that are forgotten.
	Stray, Removed Counts
}

// RouteCounts are the counts of one route.
type RouteCounts struct {
	Key string
	Counts
}

// Ledger returns the counts of all routes as of now. It forgets those that left too long ago first.
func (b *Book) Ledger(now time.Time) Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(now)
	l := Ledger{
		Routes:  make([]RouteCounts, 0, len(b.routes)+len(b.left)),
		Stray:   b.stray.Counts(),
		Removed: b.removed.Counts(),
	}
	for key, r := range b.routes {
		l.Routes = append(l.Routes, RouteCounts{key, r.Counts()})
	}
	for key, d := range b.left {
		if d.route.used() {
			l.Routes = append(l.Routes, RouteCounts{key, d.route.Counts()})
		}
	}
	return l
}
