package live

import (
	"cmp"
	"slices"
	"time"

	"gateway/proxy/route"
)

const (
	// removedFor is how long a removed route is kept, maxRemoved how many of them are.
	removedFor = 24 * time.Hour
	maxRemoved = 1000
	// ShadowFor is how long a removed route keeps its requests from a shorter prefix: while a project is redeployed, no other
	// app should get its requests, with their cookies and forms.
	ShadowFor = 10 * time.Minute
)

// Tombstone is a route that was in a table and no longer is.
type Tombstone struct {
	route.Key
	Service string    `json:"service"`
	Project string    `json:"project,omitempty"`
	Until   time.Time `json:"until"`
}

// App is the name by which clients knew the app.
func (t *Tombstone) App() string { return cmp.Or(t.Project, t.Service) }

// RemovedBy returns the removed routes once the table replaces that of the State, the latest first.
func (s *State) RemovedBy(t *route.Table, now time.Time) []Tombstone {
	var removed []Tombstone
	if s.Table != nil {
		for _, r := range s.Table.Routes() {
			removed = append(removed, Tombstone{Key: r.Key, Service: r.Service, Project: r.Project, Until: now.UTC()})
		}
	}
	removed = append(removed, s.Removed...)
	seen := make(map[route.Key]bool, len(removed))
	removed = slices.DeleteFunc(removed, func(r Tombstone) bool {
		drop := seen[r.Key] || t.Lookup(r.Key) != nil || now.Sub(r.Until) > removedFor
		seen[r.Key] = true
		return drop
	})
	return removed[:min(len(removed), maxRemoved)]
}

// indexTombstones makes a table of the removed routes, to match requests with them.
func indexTombstones(all []Tombstone) *route.Table {
	routes := make([]route.Route, len(all))
	for i, t := range all {
		routes[i] = route.Route{Key: t.Key, Service: t.Service}
	}
	return route.Build(routes, nil)
}

// RemovedRoute finds the removed route that a request would have matched.
func (s *State) RemovedRoute(host string, path route.Path, now time.Time) (Tombstone, bool) {
	if len(s.Removed) == 0 {
		return Tombstone{}, false
	}
	match, found := s.removedIndex.Match(host, path)
	if !found {
		return Tombstone{}, false
	}
	for _, t := range s.Removed {
		if t.Key == match.Route.Key {
			return t, now.Sub(t.Until) <= removedFor
		}
	}
	return Tombstone{}, false
}

// Tombstone finds the removed route of a request that no route matches. One at the root matches the root alone, since every
// path is below it, also those that the app never had.
func (s *State) Tombstone(host string, path route.Path, now time.Time) (Tombstone, bool) {
	t, found := s.RemovedRoute(host, path, now)
	return t, found && (!t.Prefix.Root() || path.Normal == "/")
}

// MovedTo reports whether the app of a removed route has another route now, and returns the one at that host; nil if there
// are routes at other hosts alone.
func (s *State) MovedTo(t Tombstone, host string) (to *route.Route, moved bool) {
	routes := s.Table.Routes()
	for i := range routes {
		r := &routes[i]
		if r.Project != t.Project || r.Service != t.Service {
			continue
		}
		if moved = true; r.Host == "" || r.Host == host {
			return r, true
		}
	}
	return nil, moved
}

// removedAt is when a route left the table, zero if it was not removed.
func (s *State) removedAt(k route.Key) time.Time {
	if len(s.Removed) == 0 || s.removedIndex.Lookup(k) == nil {
		return time.Time{}
	}
	i := slices.IndexFunc(s.Removed, func(t Tombstone) bool { return t.Key == k })
	return s.Removed[i].Until
}

// Shadows reports that a route with a longer prefix than the one that matches a request was removed less than ShadowFor ago.
func (s *State) Shadows(host string, path route.Path, prefix route.Prefix, now time.Time) bool {
	removed, found := s.RemovedRoute(host, path, now)
	return found && removed.Prefix.Depth() > prefix.Depth() && now.Sub(removed.Until) < ShadowFor
}

// ShadowedReading finds a removed route that Shadows would report, among all readings of the path. It returns false for known
// when there are too many readings.
func (s *State) ShadowedReading(host string, path route.Path, prefix route.Prefix, now time.Time) (key string, found, known bool) {
	if len(s.Removed) == 0 {
		return "", false, true
	}
	readings, known := s.removedIndex.Readings(host, path)
	for _, r := range readings {
		if r.Prefix.Depth() > prefix.Depth() && now.Sub(s.removedAt(r.Key)) < ShadowFor {
			return r.Key.String(), true, known
		}
	}
	return "", false, known
}
