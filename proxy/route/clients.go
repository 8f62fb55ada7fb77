package route

import (
	"fmt"
	"slices"
)

// settleClients decides what certificates the clients of each host need. A host has one rule, and it is that of the project
// with the oldest of its routes: all that is served for the host is protected as soon as one of that project's routes asks
// for it. A route that asks for something else is left out, so that nothing is served to clients that it does not want; a
// route that asks for nothing follows the rule. The routes are sorted by host.
func (t *Table) settleClients() {
	t.clients = nil
	if !slices.ContainsFunc(t.routes, asks) {
		return
	}
	kept := make([]Route, 0, len(t.routes))
	for rest := t.routes; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(r Route) bool { return r.Host != rest[0].Host })
		if n < 0 {
			n = len(rest)
		}
		kept = append(kept, t.settleHost(rest[:n])...)
		rest = rest[n:]
	}
	t.routes = kept
}

// asks reports that the clients of a route need certificates.
func asks(r Route) bool { return r.ClientCA != "" }

// settleHost decides for the routes of one host, and returns those that stay.
func (t *Table) settleHost(routes []Route) []Route {
	if !slices.ContainsFunc(routes, asks) {
		return routes
	}
	oldest, rule := &routes[0], (*Route)(nil)
	for i := range routes {
		if byAge(&routes[i], oldest) < 0 {
			oldest = &routes[i]
		}
	}
	for i := range routes {
		r := &routes[i]
		if r.Host != "" && asks(*r) && r.sameHolder(oldest) && (rule == nil || byAge(r, rule) < 0) {
			rule = r
		}
	}
	if rule != nil {
		if t.clients == nil {
			t.clients = map[string]string{}
		}
		t.clients[rule.Host] = rule.ClientCA
	} else {
		rule = oldest
	}
	kept := make([]Route, 0, len(routes))
	for i := range routes {
		if r := &routes[i]; asks(*r) && (r.Host == "" || r.ClientCA != rule.ClientCA) {
			t.problems = append(t.problems, r.disagrees(rule))
			continue
		}
		kept = append(kept, routes[i])
	}
	return kept
}

// sameHolder reports whether two routes are of one project, or of one service without a project.
func (r *Route) sameHolder(other *Route) bool {
	return r.Source == other.Source && r.Project == other.Project && (r.Project != "" || r.Service == other.Service)
}

// disagrees is the problem of a route that asks for other certificates of clients than the route whose rule holds.
func (r *Route) disagrees(rule *Route) Problem {
	p := Problem{Subject: r.Service, Project: r.Project, Route: r.Key.String()}
	if len(r.Targets) > 0 {
		p.Subject = r.Targets[0].Name
	}
	switch {
	case r.Host == "":
		p.Message = fmt.Sprintf("%s asks clients for certificates, and has no host: clients are asked before they say which path they want", r.Key)
		p.Fix = "give " + r.title() + " a gateway.host, or remove gateway.tls.client"
		return p
	case rule.ClientCA == "":
		p.Message = fmt.Sprintf("%s asks clients for certificates, and %s of %s, which is older, does not: a host has one rule", r.Key, rule.Key, rule.title())
	default:
		p.Message = fmt.Sprintf("%s asks clients for other certificates than %s of %s, which is older: a host has one rule", r.Key, rule.Key, rule.title())
	}
	p.Fix = fmt.Sprintf("give %s and %s the same gateway.tls.client, or one of them another gateway.host", r.title(), rule.title())
	return p
}
