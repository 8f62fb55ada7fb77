package proxy

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

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
	loads   map[string]*load
	gone    []gone
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
	state route.State
	// ready are the targets that take requests.
	ready   []target
	traffic *traffic.Route
	// slashless is set when the app redirects prefix/ back to prefix: redirecting it the other way would never end.
	slashless *atomic.Bool
}

// target is one address of a route with its load.
type target struct {
	*route.Target
	load *load
}

// load is what the proxy knows of one address. It outlives tables.
type load struct {
	inflight atomic.Int64
	// failing reports that the last connection did not come to be.
	failing atomic.Bool
}

func newSnapshot(t *route.Table, v version, gone []gone, old *snapshot, book *traffic.Book) *snapshot {
	routes := t.Routes()
	s := &snapshot{
		table:     t,
		version:   v,
		serving:   make(map[*route.Route]*serving, len(routes)),
		loads:     make(map[string]*load, len(routes)),
		gone:      gone,
		goneIndex: indexGone(gone),
	}
	for i := range routes {
		s.add(&routes[i], old, book)
	}
	return s
}

func (s *snapshot) add(r *route.Route, old *snapshot, book *traffic.Book) {
	added := &serving{
		route:     r,
		state:     r.State(),
		traffic:   book.Route(r.Key.String()),
		slashless: old.slashless(r),
	}
	for i := range r.Targets {
		t := &r.Targets[i]
		if t.State == route.Ready && t.Address != "" {
			added.ready = append(added.ready, target{t, s.load(t.Address, old)})
		}
	}
	s.serving[r] = added
}

// load returns the counters of an address, those of the old snapshot if it had them.
func (s *snapshot) load(address string, old *snapshot) *load {
	if s.loads[address] == nil {
		s.loads[address] = old.loads[address]
	}
	if s.loads[address] == nil {
		s.loads[address] = &load{}
	}
	return s.loads[address]
}

// slashless returns what was learnt of the same app at the same prefix.
func (s *snapshot) slashless(r *route.Route) *atomic.Bool {
	if s.table != nil {
		before := s.table.Lookup(r.Key)
		if before != nil && before.Service == r.Service && before.Project == r.Project && before.Mount == r.Mount {
			return s.serving[before].slashless
		}
	}
	return new(atomic.Bool)
}

// sameOnDisk reports whether two snapshots are stored as the same bytes.
func (s *snapshot) sameOnDisk(other *snapshot) bool {
	return s != nil && s.version.revision == other.version.revision
}

// choose picks the less busy of two targets drawn at random, never the one that was tried already. It returns false
// when there is none.
func (s *serving) choose(tried *target) (target, bool) {
	ready := s.ready
	if tried != nil {
		ready = make([]target, 0, len(s.ready))
		for _, t := range s.ready {
			if t.load != tried.load {
				ready = append(ready, t)
			}
		}
	}
	switch len(ready) {
	case 0:
		return target{}, false
	case 1:
		return ready[0], true
	}
	i := rand.IntN(len(ready))
	j := rand.IntN(len(ready) - 1)
	if j >= i {
		j++
	}
	if ready[j].load.inflight.Load() < ready[i].load.inflight.Load() {
		i = j
	}
	return ready[i], true
}
