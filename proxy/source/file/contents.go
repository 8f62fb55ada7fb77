package file

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/proxy/source"
)

// contents are what is known of one file.
type contents struct {
	// seen is its state at the last look, and read that which was read; missing reports that it was not there.
	seen, read stamp
	missing    bool
	routes     []placed
	// bad is why the file cannot be read, nil when it can; faults are those of single routes.
	bad    *fault
	faults []fault
}

// placed is a route with its line, 0 when that is not known.
type placed struct {
	line  int
	route route.Route
}

// take reads a text. Of what it cannot read it keeps the routes as they were.
func (c *contents) take(source, file string, text []byte) {
	p, bad := parse(text)
	c.bad, c.faults = bad, p.faults
	if bad != nil {
		return
	}
	var routes []placed
	for _, e := range p.entries {
		routes = append(routes, placed{e.line, made(source, file, e)})
	}
	for i := range c.faults {
		f := &c.faults[i]
		named := func(r placed) bool { return r.route.Service == f.name }
		kept := slices.IndexFunc(c.routes, named)
		// Of a name that is there twice, the first is read.
		if kept < 0 || slices.ContainsFunc(p.entries, func(e entry) bool { return e.name == f.name }) {
			continue
		}
		f.message += "; the route stays as it was"
		if !slices.ContainsFunc(routes, named) {
			routes = append(routes, c.routes[kept])
		}
	}
	c.routes = routes
}

// made is the route of an entry.
func made(source, file string, e entry) route.Route {
	r := route.Route{
		Key: e.claim.Key, Service: e.name, Source: source, Mount: e.claim.Mount, Owner: e.claim.Owner, Expires: e.claim.Expires,
		Policy: e.claim.Policy,
	}
	targets := e.targets
	if len(targets) == 0 {
		targets = []target{{text: e.name, scheme: route.HTTP}} // A redirect stands in for its target.
	}
	for _, t := range targets {
		r.Targets = append(r.Targets, route.Target{
			ID: strings.Join([]string{file, e.name, t.address}, "/"), Name: t.text, Address: t.address, Scheme: t.scheme,
		})
	}
	return r
}

// fileOf is the file that a route is from: its targets' ids start with it.
func fileOf(r *route.Route) string {
	if len(r.Targets) == 0 {
		return ""
	}
	file, _, _ := strings.Cut(r.Targets[0].ID, "/")
	return file
}

// restore takes the routes from before a restart for those of files that were not read yet.
func (s *Source) restore(last source.Listing) {
	for _, r := range last.Routes {
		file := fileOf(&r)
		if s.files[file] == nil {
			s.files[file] = &contents{}
		}
		s.files[file].routes = append(s.files[file].routes, placed{route: r})
	}
}

// problems are what people have to correct in the file.
func (c *contents) problems() []fault {
	if c.bad != nil {
		return []fault{*c.bad}
	}
	return c.faults
}

// listing are the routes of all files as they are at a time.
func (s *Source) listing(now time.Time) source.Listing {
	var l source.Listing
	if s.err != nil {
		l.Problems = append(l.Problems, route.Problem{
			Subject: s.config.Path, Message: fmt.Sprintf("the files of routes cannot be read: %v", s.err), Fix: "correct the path or its permissions; the routes stay as they were",
		})
	}
	holders := map[route.Key]string{}
	for _, file := range s.names() {
		c := s.files[file]
		for _, f := range c.problems() {
			l.Problems = append(l.Problems, route.Problem{Subject: at(file, f.line), Route: f.key, Message: f.message, Fix: f.fix})
		}
		routes := slices.SortedStableFunc(slices.Values(c.routes), func(a, b placed) int { return cmp.Compare(a.line, b.line) })
		for _, r := range routes {
			if holder, taken := holders[r.route.Key]; taken {
				l.Problems = append(l.Problems, route.Problem{
					Subject: at(file, r.line), Route: r.route.Key.String(),
					Message: fmt.Sprintf("route %s: %s is that of the route %s already", r.route.Service, r.route.Key, holder), Fix: "give one of them another path or host",
				})
				continue
			}
			holders[r.route.Key] = fmt.Sprintf("%s (%s)", r.route.Service, at(file, r.line))
			if present, ok := current(r.route, now); ok {
				l.Routes = append(l.Routes, present)
			}
		}
	}
	return l
}

// at names a place in a file.
func at(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// current is a route with the states of its targets at a time. A redirect that has ended is none any more.
func current(r route.Route, now time.Time) (route.Route, bool) {
	state, reason := route.Ready, ""
	ended := label.Ended(r.Expires, now)
	switch {
	case r.Redirect != "" && ended:
		return route.Route{}, false
	case r.Redirect != "":
		state = route.Stopped
	case ended:
		state, reason = route.Expired, "its last day was "+r.Expires.Format(time.DateOnly)
	}
	r.Targets = slices.Clone(r.Targets)
	for i := range r.Targets {
		r.Targets[i].State, r.Targets[i].Reason = state, reason
	}
	return r, true
}
