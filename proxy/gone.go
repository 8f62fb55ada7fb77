package proxy

import (
	"cmp"
	"slices"
	"time"

	"gateway/proxy/route"
)

const (
	// goneFor is how long a removed route is remembered, goneMost how many of them are.
	goneFor  = 24 * time.Hour
	goneMost = 1000
	// goneShadow is how long a removed route keeps its requests from a shorter prefix: what was meant for one app, its
	// cookies and forms too, is no other app's business while a project is merely taken down and up again.
	goneShadow = 10 * time.Minute
)

// gone is a route that was in a table and no longer is.
type gone struct {
	route.Key
	Service string    `json:"service"`
	Project string    `json:"project,omitempty"`
	Until   time.Time `json:"until"`
}

// nowGone returns the routes that are gone once the table replaces the old snapshot, the latest first.
func nowGone(old *snapshot, t *route.Table, now time.Time) []gone {
	var left []gone
	if old.table != nil {
		for _, r := range old.table.Routes() {
			left = append(left, gone{Key: r.Key, Service: r.Service, Project: r.Project, Until: now.UTC()})
		}
	}
	left = append(left, old.gone...)
	seen := make(map[route.Key]bool, len(left))
	left = slices.DeleteFunc(left, func(g gone) bool {
		drop := seen[g.Key] || t.Lookup(g.Key) != nil || now.Sub(g.Until) > goneFor
		seen[g.Key] = true
		return drop
	})
	return left[:min(len(left), goneMost)]
}

// indexGone makes the removed routes matchable as a table of routes without targets.
func indexGone(all []gone) *route.Table {
	routes := make([]route.Route, len(all))
	for i, g := range all {
		routes[i] = route.Route{Key: g.Key, Service: g.Service}
	}
	return route.Build(routes, nil)
}

// removed finds the removed route that a request would have matched.
func (s *snapshot) removed(host string, path route.Path, now time.Time) (gone, bool) {
	if len(s.gone) == 0 {
		return gone{}, false
	}
	match, found := s.goneIndex.Match(host, path)
	if !found {
		return gone{}, false
	}
	for _, g := range s.gone {
		if g.Key == match.Route.Key {
			return g, now.Sub(g.Until) <= goneFor
		}
	}
	return gone{}, false
}

// tombstone is the removed route that answers a request which no route matches. One at the root answers for the root
// alone: every address is below it, and those that the app never had are not known here.
func (s *snapshot) tombstone(host string, path route.Path, now time.Time) (gone, bool) {
	g, found := s.removed(host, path, now)
	return g, found && (!g.Prefix.Root() || path.Normal == "/")
}

// app is what clients knew the app by.
func (g *gone) app() string { return cmp.Or(g.Project, g.Service) }

// movedTo says whether the app of a removed route has another one now, and which at that host; nil if at others alone.
func (s *snapshot) movedTo(g gone, host string) (to *route.Route, moved bool) {
	routes := s.table.Routes()
	for i := range routes {
		r := &routes[i]
		if r.Project != g.Project || r.Service != g.Service {
			continue
		}
		if moved = true; r.Host == "" || r.Host == host {
			return r, true
		}
	}
	return nil, moved
}

// leftAt is when a route left the table, zero if it was not in one before.
func (s *snapshot) leftAt(k route.Key) time.Time {
	if len(s.gone) == 0 || s.goneIndex.Lookup(k) == nil {
		return time.Time{}
	}
	i := slices.IndexFunc(s.gone, func(g gone) bool { return g.Key == k })
	return s.gone[i].Until
}

// shadows reports that a longer prefix than the one that matches a request was removed a moment ago.
func (s *snapshot) shadows(host string, path route.Path, prefix route.Prefix, now time.Time) bool {
	removed, found := s.removed(host, path, now)
	return found && removed.Prefix.Depth() > prefix.Depth() && now.Sub(removed.Until) < goneShadow
}
