package source

import (
	"maps"
	"slices"
	"time"

	"gateway/proxy/route"
)

// Listings hold the newest listing of each source by its name, and merge them. The zero value holds none. It is not safe
// for concurrent use.
type Listings struct {
	tables map[string]*route.Table
}

// Put takes the newest listing of a source, and reports whether it differs from the one before.
func (l *Listings) Put(name string, listing Listing, now time.Time) (changed bool) {
	return l.PutTable(name, route.Build(l.claimed(name, listing.Routes, now), listing.Problems))
}

// PutTable is Put for a listing that was built before, such as one from disk.
func (l *Listings) PutTable(name string, t *route.Table) (changed bool) {
	old := l.tables[name]
	if old != nil && old.Digest() == t.Digest() {
		return false
	}
	if l.tables == nil {
		l.tables = map[string]*route.Table{}
	}
	l.tables[name] = t
	return true
}

// Remove forgets a source, and reports whether it was there.
func (l *Listings) Remove(name string) bool {
	_, known := l.tables[name]
	delete(l.tables, name)
	return known
}

// Of is the newest listing of a source, nil when there is none.
func (l *Listings) Of(name string) *route.Table { return l.tables[name] }

// All is a copy of all listings as tables, by the names of their sources.
func (l *Listings) All() map[string]*route.Table { return maps.Clone(l.tables) }

// Names are those of the sources that listed, sorted.
func (l *Listings) Names() []string { return slices.Sorted(maps.Keys(l.tables)) }

// Table merges all listings by the rules of route.Build.
func (l *Listings) Table() *route.Table {
	names := l.Names()
	if len(names) == 1 {
		return l.tables[names[0]]
	}
	var merged Listing
	for _, name := range names {
		t := l.tables[name]
		merged.Routes = append(merged.Routes, t.Routes()...)
		merged.Problems = append(merged.Problems, t.Problems()...)
	}
	return route.Build(merged.Routes, merged.Problems)
}

// claimed gives routes without a time of their claim the one that they had in the listing before, else now.
func (l *Listings) claimed(name string, routes []route.Route, now time.Time) []route.Route {
	timeless := func(r route.Route) bool { return r.Claimed.IsZero() }
	if !slices.ContainsFunc(routes, timeless) {
		return routes
	}
	routes = slices.Clone(routes)
	for i := range routes {
		r := &routes[i]
		if !timeless(*r) {
			continue
		}
		r.Claimed = now.UTC().Truncate(time.Second)
		if old := l.tables[name]; old != nil {
			if was := old.Lookup(r.Key); was != nil && was.SameService(r) {
				r.Claimed = was.Claimed
			}
		}
	}
	return routes
}
