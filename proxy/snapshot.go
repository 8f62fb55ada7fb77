package proxy

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"gateway/proxy/engine"
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
	loads   map[place]*load
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
	// maps reports that the app does not know where it is mounted; prefix is what it is told then, empty for "/".
	maps   bool
	prefix string
	// slashless is set when the app redirects prefix/ back to prefix: redirecting it the other way would never end.
	slashless *atomic.Bool
}

// target is one address of a route with its load.
type target struct {
	*route.Target
	load *load
}

// place is where a target answers, and how it is spoken to.
type place struct {
	scheme  route.Scheme
	address string
}

// load is what the proxy knows of one place. It lives as long as a route of the table in force has a target there.
type load struct {
	upstream *engine.Upstream
	inflight atomic.Int64
	// failing reports that the last connection did not come to be.
	failing atomic.Bool
}

// newSnapshot prepares to put a table in force after the one that is.
func (s *Server) newSnapshot(t *route.Table, v version, gone []gone) *snapshot {
	routes := t.Routes()
	next := &snapshot{
		table:     t,
		version:   v,
		serving:   make(map[*route.Route]*serving, len(routes)),
		loads:     make(map[place]*load, len(routes)),
		gone:      gone,
		goneIndex: indexGone(gone),
	}
	old := s.current.Load()
	for i := range routes {
		r := &routes[i]
		added := newServing(r, old)
		added.traffic = s.book.Route(r.Key.String())
		for j := range r.Targets {
			if t := &r.Targets[j]; t.State == route.Ready && t.Address != "" {
				added.ready = append(added.ready, target{t, s.load(t, next, old)})
			}
		}
		next.serving[r] = added
	}
	return next
}

func newServing(r *route.Route, old *snapshot) *serving {
	added := &serving{route: r, state: r.State(), maps: r.Mount != route.Preserve, slashless: old.slashless(r)}
	if added.maps && !r.Prefix.Root() {
		added.prefix = r.Prefix.String()
	}
	return added
}

// load returns what is known of a target's place: what the next snapshot has of it, else what the old one had.
func (s *Server) load(t *route.Target, next, old *snapshot) *load {
	at := place{t.Scheme, t.Address}
	if next.loads[at] == nil {
		next.loads[at] = old.loads[at]
	}
	if next.loads[at] == nil {
		next.loads[at] = &load{upstream: s.engine.Upstream(engine.Scheme(t.Scheme), t.Address)}
	}
	return next.loads[at]
}

// dropLoads closes the unused connections to the places that only the old snapshot has.
func (s *snapshot) dropLoads(old *snapshot) {
	for at, load := range old.loads {
		if s.loads[at] == nil {
			load.upstream.Close()
		}
	}
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
