package docker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/proxy/source"
)

// The labels of compose that say what a container is.
const (
	composeProject = label.ComposeProject
	composeService = label.ComposeService
	composeOneOff  = label.ComposeOneOff
	composeNetwork = label.ComposeNetwork
)

// maxComposed is the most that a label of compose holds, in bytes.
const maxComposed = 200

// snapshot is all that the engine said in one round.
type snapshot struct {
	engine     docker.Engine
	begun      time.Time
	containers []docker.Container
	networks   []docker.Network
	crashes    crashes
}

// observation is what a snapshot means: the routes as the labels ask for them, before marks and links are taken into
// account. It is not changed once it was handed over.
type observation struct {
	engine docker.Engine
	begun  time.Time
	// proxy is the container of the proxy, nil when it is not to be joined to networks.
	proxy    *docker.Container
	found    []candidate
	problems []route.Problem
	// held are what a deployment has not switched to yet: the proxy joins their networks, and that is all.
	held []candidate
	// running are the full ids of the labelled containers that run.
	running map[string]bool
	links   links
}

// candidate is one route of one container, with its target as the only one.
type candidate struct {
	route route.Route
	// container is the full id.
	container string
	// link is the network it is reached through, empty when it needs none.
	link string
	// replaced says that another container serves the route in its place.
	replaced bool
}

// newObservation applies the rules to a snapshot. With join, the proxy's own container counts.
func newObservation(l *snapshot, join bool) *observation {
	o := &observation{engine: l.engine, begun: l.begun, running: make(map[string]bool, len(l.containers))}
	if join {
		o.proxy = proxyOf(l.containers)
	}
	v := newView(l.networks, o.proxy)
	rolling := rolloutsOf(l.containers)
	for i := range l.containers {
		c := &l.containers[i]
		if !routable(c) {
			continue
		}
		e := v.examine(c, l.crashes[c.ID].crash)
		switch {
		case rolling.holds(c):
			o.held = append(o.held, e.found...)
		case rolling.replaced[c.ID]:
			o.found = append(o.found, superseded(e.found)...)
		default:
			o.found, o.problems = append(o.found, e.found...), append(o.problems, e.problems...)
		}
		if c.State == "running" {
			o.running[c.ID] = true
		}
	}
	o.found = withoutLost(o.found)
	return o
}

// proxyOf finds the proxy's container. Its label alone would not do: the networks of every project are joined to it.
func proxyOf(containers []docker.Container) *docker.Container {
	for i := range containers {
		if c := &containers[i]; c.Name == ProxyName && c.Labels[label.Role] == label.RoleProxy {
			return c
		}
	}
	return nil
}

// ours reports whether a container is one of gateway's own.
func ours(c *docker.Container) bool {
	_, is := c.Labels[label.Role]
	return is && (c.Name == ProxyName || c.Name == AgentName)
}

// routable reports whether a container may have routes: our own have none, and neither do those of `compose run`.
func routable(c *docker.Container) bool {
	return !ours(c) && c.Labels[composeOneOff] != "True" && label.Ours(c.Labels)
}

// impostor is the problem of a container that has a label of our own containers and asks for routes.
func impostor(c *docker.Container, claims []label.Claim) route.Problem {
	p := route.Problem{
		Subject: c.Name, Project: projectOf(c),
		Message: label.Role + " is set by gateway itself, on its own containers; this one is not routed to",
		Fix:     "remove " + label.Role + " from the container; where its image brings it along, use another image",
	}
	if len(claims) > 0 {
		p.Route = claims[0].Key.String()
	}
	return p
}

// projectOf is the compose project of a container, empty when it has none.
func projectOf(c *docker.Container) string { return composed(c, composeProject) }

// composed is what a label of compose says. Compose writes short and plain ones; any other is not from it, and would
// land in the table with each route.
func composed(c *docker.Container, name string) string {
	value := c.Labels[name]
	if len(value) > maxComposed || strings.ContainsFunc(value, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return ""
	}
	return value
}

// examined is what the labels of one container ask for.
type examined struct {
	found    []candidate
	problems []route.Problem
}

// examine takes the claims of one container, which may have crashed.
func (v *view) examine(c *docker.Container, x crash) examined {
	var e examined
	claims, bad := label.Parse(c.Labels)
	if _, role := c.Labels[label.Role]; role {
		return examined{problems: []route.Problem{impostor(c, claims)}}
	}
	project := projectOf(c)
	var faults []route.Problem
	for _, p := range bad {
		e.problems = append(e.problems, route.Problem{
			Subject: c.Name, Project: project, Route: p.Route, Message: p.Message, Fix: p.Fix,
		})
	}
	for i := range claims {
		claim := &claims[i]
		reached, fault := v.reach(c, claim)
		if fault != nil && claim.Policy.Redirect == "" {
			faults = append(faults, route.Problem{
				Subject: c.Name, Project: project, Route: claim.Key.String(), Message: fault.message, Fix: fault.fix,
			})
			continue
		}
		found := candidate{route: made(c, x, claim, reached), container: c.ID}
		if c.State == "running" {
			found.link = reached.network
		}
		e.found = append(e.found, found)
	}
	e.problems = append(e.problems, shorten(faults)...)
	return e
}

// shorten leaves the first problems of one container, and of the others their number.
func shorten(problems []route.Problem) []route.Problem {
	if len(problems) <= label.MaxProblems {
		return problems
	}
	last := problems[label.MaxProblems-1]
	last.Message = fmt.Sprintf("it has %d more problems than are shown", len(problems)-label.MaxProblems+1)
	last.Route, last.Fix = "", "fix those that are shown; the next ones are shown then"
	return append(problems[:label.MaxProblems-1:label.MaxProblems-1], last)
}

// made is the route that a claim asks for.
func made(c *docker.Container, x crash, claim *label.Claim, reached reached) route.Route {
	state, reason := stateOf(c, x)
	if reached.address == "" && c.State == "running" && claim.Policy.Redirect == "" {
		state, reason = route.Starting, "it has no address yet"
	}
	return route.Route{
		Key:     claim.Key,
		Service: cmp.Or(composed(c, composeService), c.Name),
		Project: projectOf(c),
		Mount:   claim.Mount,
		Owner:   claim.Owner,
		Expires: claim.Expires,
		Claimed: reached.claimed.UTC(),
		Policy:  claim.Policy,
		Targets: []route.Target{{
			ID:      c.ID[:min(12, len(c.ID))],
			Name:    c.Name,
			Address: reached.address,
			Scheme:  claim.Scheme,
			State:   state,
			Reason:  reason,
			LastLog: x.line,
			Created: c.Created.UTC(),
		}},
	}
}

// aheadOfUTC is how much earlier than in UTC a day begins where it begins first.
const aheadOfUTC = 14 * time.Hour

// past reports whether a last day is over somewhere: which time zone the owner has in mind, no label says. It decides
// only which page clients of a container that does not run get.
func past(last, now time.Time) bool {
	return !last.IsZero() && !now.Add(aheadOfUTC).Before(last.AddDate(0, 0, 1))
}

// serves reports whether a container is a target that may get requests.
func (o *observation) serves(container string) bool { return o.running[container] }

// listing is that of the observation, with what happened since to marked containers; name is the source's.
func (o *observation) listing(name string, m marks) source.Listing {
	routes := make([]route.Route, 0, len(o.found))
	problems := slices.Clone(o.problems)
	for i := range o.found {
		c := &o.found[i]
		r := c.route
		r.Source = name
		if r.Redirect != "" && label.Ended(r.Expires, o.begun) {
			continue
		}
		state, reason := c.route.Targets[0].State, ""
		if state != route.Stopped && state != route.Crashing && state != route.Asleep {
			state, reason = o.links.state(c, state)
			state, reason = m.state(c.container, state, reason)
		}
		if (state == route.Stopped || !o.running[c.container] && state == route.Starting) && past(r.Expires, o.begun) {
			state, reason = route.Expired, "its last day was "+r.Expires.Format(time.DateOnly)
		}
		if state != c.route.Targets[0].State {
			r.Targets = slices.Clone(r.Targets)
			r.Targets[0].State, r.Targets[0].Reason = state, reason
		}
		if p, broken := o.links.problem(c); broken {
			problems = append(problems, p)
		}
		routes = append(routes, r)
	}
	return source.Listing{Routes: routes, Problems: problems}
}
