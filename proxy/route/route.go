// Package route holds what the gateway routes by: prefixes, routes, their targets and the immutable table of all of
// them, with the rule that settles conflicts. It is pure data: it knows nothing of where routes come from, of HTTP
// connections or of Docker. A table is never changed once built; a new one replaces it whole.
package route

import (
	"cmp"
	"fmt"
	"net"
	"strings"
	"time"
)

// State says whether a route or a target can answer, and decides what clients get when it cannot.
type State string

// The states, from the one that answers to the one that is furthest from it.
const (
	Ready     State = "ready"     // answers requests
	Starting  State = "starting"  // runs, its health check has not passed yet
	Unhealthy State = "unhealthy" // runs, and its health check fails
	// Unreachable is found by the gateway itself, and in no table: it runs, and does not answer where it should.
	Unreachable State = "unreachable"
	Draining    State = "draining" // is being stopped: no new requests, those under way finish
	// Waking is found by the gateway itself, and in no table: a request wakes it.
	Waking   State = "waking"
	Asleep   State = "asleep"   // was stopped because nobody used it; the next request starts it
	Crashing State = "crashing" // ended by itself, and is restarted again and again
	Expired  State = "expired"  // does not run, and its last day is past
	Stopped  State = "stopped"  // exists and does not run
)

// rank orders states by how close to answering they are.
func (s State) rank() int {
	switch s {
	case Ready:
		return 0
	case Starting:
		return 1
	case Unhealthy:
		return 2
	case Unreachable:
		return 3
	case Draining:
		return 4
	case Waking:
		return 5
	case Asleep:
		return 6
	case Crashing:
		return 7
	case Expired:
		return 8
	default:
		return 9
	}
}

// Before reports whether the state is closer to answering than another.
func (s State) Before(other State) bool { return s.rank() < other.rank() }

// Mount says how a prefix is handled on the way to the app.
type Mount string

// The mounts that are served.
const (
	Strip    Mount = "strip"    // the prefix is removed, X-Forwarded-Prefix says so, response headers are mapped back
	Preserve Mount = "preserve" // the path is passed on as it came: the app knows its prefix
)

// Scheme is the protocol a target speaks.
type Scheme string

// The schemes of targets.
const (
	HTTP  Scheme = "http"
	HTTPS Scheme = "https"
	H2C   Scheme = "h2c"
)

// Key names a route among all: no two routes of a table have the same key. Keys are comparable.
type Key struct {
	// Host is the lower-case host name without port that the route is limited to; empty means any host.
	Host string `json:"host,omitempty"`
	// Prefix is the path prefix.
	Prefix Prefix `json:"path"`
}

// String is the key as people see it: "/robots", or "example.org/robots" when the route has a host.
func (k Key) String() string { return k.Host + k.Prefix.String() }

// ParseKey reads what Key.String writes.
func ParseKey(s string) (Key, error) {
	host, rest, found := strings.Cut(s, "/")
	if !found {
		return Key{}, fmt.Errorf("route %q: it has no path; write it as /path or host/path", s)
	}
	prefix, err := ParsePrefix("/" + rest)
	if err != nil {
		return Key{}, err
	}
	return Key{Host: CanonicalHost(host), Prefix: prefix}, nil
}

// CanonicalHost is the form in which host names are compared: lower case, without port and without a trailing dot. It
// is a part of what is given where that has no capitals.
func CanonicalHost(hostport string) string {
	for i := range len(hostport) {
		c := hostport[i]
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' {
			continue
		}
		if c == ':' && !strings.ContainsAny(hostport[i+1:], ":[]") {
			return strings.TrimSuffix(hostport[:i], ".")
		}
		return canonicalHost(hostport)
	}
	return strings.TrimSuffix(hostport, ".")
}

func canonicalHost(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// Target is one address that answers HTTP.
type Target struct {
	// ID is stable for as long as the target exists: a container's id, cut to 12 digits.
	ID string `json:"id"`
	// Name is what people know it by: a container's name.
	Name string `json:"name"`
	// Address is host:port, empty as long as the target has none.
	Address string `json:"address,omitempty"`
	Scheme  Scheme `json:"scheme"`
	State   State  `json:"state"`
	// Reason says in the source's words why the state is what it is, such as "exited (1)". It holds no relative times:
	// they would make every table differ from the one before.
	Reason string `json:"reason,omitempty"`
	// LastLog is the last line that a target which ended by itself wrote, as it wrote it; it is for those who administer
	// the gateway alone.
	LastLog string `json:"last_log,omitempty"`
	// Created is when the target came to be; of two that disagree about their route, the younger is right.
	Created time.Time `json:"created"`
}

// Route maps a key to the targets that serve it.
type Route struct {
	Key
	// Service is what people know the app by: a compose service or a container's name.
	Service string `json:"service"`
	// Project is the compose project, empty for a container without one.
	Project string `json:"project,omitempty"`
	// Source says where the route comes from: "docker".
	Source string `json:"source"`
	Mount  Mount  `json:"mount"`
	// Owner is who to ask, as free text; empty when nobody said.
	Owner string `json:"owner,omitempty"`
	// Expires is the end date, zero when there is none.
	Expires time.Time `json:"expires,omitzero"`
	// Claimed is since when the project holds the prefix; of two that claim one, the older keeps it.
	Claimed time.Time `json:"claimed"`
	Policy
	// Targets are sorted by name; there is at least one.
	Targets []Target `json:"targets"`
}

// State is that of the target that is closest to answering: a route with one ready target is ready.
func (r *Route) State() State {
	state := Stopped
	for i := range r.Targets {
		if r.Targets[i].State.rank() < state.rank() {
			state = r.Targets[i].State
		}
	}
	return state
}

// SameService reports whether two routes are replicas of one service.
func (r *Route) SameService(other *Route) bool {
	return r.Source == other.Source && r.Project == other.Project && r.Service == other.Service
}

// App is what clients know the app of the route by: its project, or its service where there is none.
func (r *Route) App() string { return cmp.Or(r.Project, r.Service) }

// title names the route's holder in problems.
func (r *Route) title() string {
	if r.Project != "" {
		return fmt.Sprintf("%s (service %s)", r.Project, r.Service)
	}
	return r.Service
}

// Problem is something that keeps a route from being served as its labels ask, with a fix.
type Problem struct {
	// Subject is the thing that has the problem: a container's name.
	Subject string `json:"subject"`
	// Project is the subject's compose project, empty when it has none.
	Project string `json:"project,omitempty"`
	// Route is the key of the route it concerns, as text; empty when there is none to name.
	Route string `json:"route,omitempty"`
	// Message names the thing and the rule it breaks.
	Message string `json:"message"`
	// Fix says what to write instead.
	Fix string `json:"fix"`
}

// compareProblems orders problems for people and for comparing tables.
func compareProblems(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(a.Subject, b.Subject),
		cmp.Compare(a.Route, b.Route),
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.Project, b.Project),
		cmp.Compare(a.Fix, b.Fix),
	)
}
