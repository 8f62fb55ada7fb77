package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/proxy/backoff"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// The times of joining networks.
const (
	joinTimeout   = 10 * time.Second
	firstJoin     = time.Second
	lastJoin      = 30 * time.Second
	joinsPerRound = time.Second
)

// defaultBridge is the engine's own network, which takes no aliases.
const defaultBridge = "bridge"

// membership keeps the proxy's container on the networks it needs. It joins every network that a running target is
// reached through. It leaves only networks on which no labelled container exists any more, and of those only edge
// networks, networks of compose, and what it joined itself: a network that a person attached by hand for another
// reason is not its business. It belongs to the goroutine that observes.
type membership struct {
	joiner   Joiner
	hosts    []string
	log      *slog.Logger
	proxy    *docker.Container
	on       map[string]bool
	joined   map[string]bool
	failures map[string]*failure
}

// failure is why a network was not joined, and when to try again.
type failure struct {
	fault
	retry backoff.Delay
	// next is zero when trying again is of no use.
	next time.Time
}

func newFailure() *failure { return &failure{retry: backoff.Delay{Least: firstJoin, Most: lastJoin}} }

// step is one network to join or to leave.
type step struct {
	leave bool
	// network is the name, ref what identifies it to the engine.
	network, ref string
}

func newMembership(c Config) *membership {
	return &membership{
		joiner: c.Engine, hosts: c.Hosts, log: c.Logger,
		on: map[string]bool{}, joined: map[string]bool{}, failures: map[string]*failure{},
	}
}

// plan compares the networks that the proxy is on with those it needs. It changes nothing on the engine.
func (m *membership) plan(l *snapshot, o *observation, now time.Time) []step {
	m.proxy, m.on = o.proxy, map[string]bool{}
	if o.proxy == nil {
		return nil
	}
	v := newView(l.networks, o.proxy)
	m.on = maps.Clone(v.proxyOn)
	needed := make(map[string]bool)
	for _, c := range slices.Concat(o.found, o.held) {
		if c.link != "" {
			needed[c.link] = true
		}
	}
	maps.DeleteFunc(m.failures, func(name string, _ *failure) bool { return !needed[name] || m.on[name] })
	var steps []step
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		if !m.on[name] && m.may(name, v.byName[name], o.engine, now) {
			steps = append(steps, step{network: name, ref: ref(v.byName[name], name)})
		}
	}
	return append(steps, m.leaves(l, v, needed)...)
}

// may reports whether a network is to be joined now, and notes why it never is.
func (m *membership) may(name string, n *docker.Network, engine docker.Engine, now time.Time) bool {
	internal := n != nil && n.Internal
	if name < HomeNetwork && !internal && !priorities(engine.APIVersion) {
		f := newFailure()
		f.fault = fault{
			fmt.Sprintf("the proxy cannot join the network %s: its name sorts before %s, so joining it would move the proxy's "+
				"default gateway and cut open connections", name, HomeNetwork),
			fmt.Sprintf("give the network a name that starts with a letter, or upgrade Docker to 28 (this engine speaks API %s)", engine.APIVersion),
		}
		m.failures[name] = f
		return false
	}
	old := m.failures[name]
	return old == nil || !now.Before(old.next)
}

// leaves are the networks that the proxy is on and that nothing needs any more.
func (m *membership) leaves(l *snapshot, v *view, needed map[string]bool) []step {
	var steps []step
	for _, a := range m.proxy.Networks {
		n := v.network(a)
		if a.Network == HomeNetwork || needed[a.Network] || n == nil {
			continue
		}
		_, compose := n.Labels[composeNetwork]
		ours := compose || n.Labels[label.Role] == label.RoleEdge || m.joined[a.Network]
		if ours && !inhabited(l.containers, a.Network) {
			steps = append(steps, step{leave: true, network: a.Network, ref: n.ID})
		}
	}
	return steps
}

// inhabited reports whether a labelled container, running or not, is on the network.
func inhabited(containers []docker.Container, network string) bool {
	return slices.ContainsFunc(containers, func(c docker.Container) bool {
		return slices.ContainsFunc(c.Networks, func(a docker.Attachment) bool { return a.Network == network }) && routable(&c)
	})
}

// execute carries steps out and reports whether it came to the end of them: after a while it stops, so that what was
// joined so far is not kept waiting for the rest.
func (m *membership) execute(ctx context.Context, steps []step) bool {
	begun := time.Now()
	for i, s := range steps {
		if i > 0 && time.Since(begun) > joinsPerRound {
			return false
		}
		err := m.carryOut(ctx, s)
		if ctx.Err() != nil {
			return true
		}
		m.note(s, err)
		if errors.Is(err, docker.ErrUnreachable) {
			return true // the others would fail alike; they are planned again with the next listing
		}
	}
	return true
}

func (m *membership) carryOut(ctx context.Context, s step) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if s.leave {
		return m.joiner.Disconnect(ctx, s.ref, m.proxy.ID)
	}
	var aliases []string
	if s.network != defaultBridge {
		aliases = m.hosts
	}
	return m.joiner.Connect(ctx, s.ref, m.proxy.ID, aliases)
}

// note remembers how a step went.
func (m *membership) note(s step, err error) {
	switch {
	case s.leave && err != nil:
		m.log.Warn("the proxy cannot leave a network", "network", s.network, "error", err)
	case s.leave:
		delete(m.on, s.network)
		delete(m.joined, s.network)
		m.log.Info("the proxy left a network", "network", s.network)
	case err != nil:
		f := m.failures[s.network]
		if f == nil {
			f = newFailure()
			m.failures[s.network] = f
			m.log.Warn("the proxy cannot join a network", "network", s.network, "error", err)
		}
		f.fault = fault{
			fmt.Sprintf("the proxy cannot join the network %s: %v", s.network, err),
			fmt.Sprintf("fix the network, or write %s with another one; joining it is tried again on its own", label.Network),
		}
		f.next = time.Now().Add(f.retry.Next())
	default:
		m.on[s.network], m.joined[s.network] = true, true
		delete(m.failures, s.network)
		m.log.Info("the proxy joined a network", "network", s.network)
	}
}

// retryIn is the time until the next failed join is to be tried again, resync when there is none.
func (m *membership) retryIn(now time.Time) time.Duration {
	least := resync
	for _, f := range m.failures {
		if !f.next.IsZero() {
			least = min(least, max(f.next.Sub(now), 0))
		}
	}
	return least
}

// links is a copy of where the membership stands.
func (m *membership) links() links {
	if m.proxy == nil {
		return links{}
	}
	l := links{known: true, on: maps.Clone(m.on), failed: make(map[string]fault, len(m.failures))}
	for name, f := range m.failures {
		l.failed[name] = f.fault
	}
	return l
}

// links are the networks that the proxy shares with targets. The zero value is that of a proxy that reaches all.
type links struct {
	known  bool
	on     map[string]bool
	failed map[string]fault
}

// state is that of a candidate in view of whether the proxy can reach it, with the reason when it differs.
func (l links) state(c *candidate, state route.State) (route.State, string) {
	if !l.known || c.link == "" || l.on[c.link] {
		return state, ""
	}
	if _, failed := l.failed[c.link]; failed {
		return route.Unhealthy, "the proxy cannot join its network " + c.link
	}
	if state == route.Ready {
		return route.Starting, "the proxy is joining its network " + c.link
	}
	return state, ""
}

// problem is that of a candidate whose network could not be joined.
func (l links) problem(c *candidate) (route.Problem, bool) {
	f, failed := l.failed[c.link]
	if !failed || c.link == "" {
		return route.Problem{}, false
	}
	return route.Problem{
		Subject: c.route.Targets[0].Name, Project: c.route.Project, Route: c.route.Key.String(),
		Message: f.message, Fix: f.fix,
	}, true
}

func ref(n *docker.Network, name string) string {
	if n == nil {
		return name
	}
	return cmp.Or(n.ID, name)
}

// priorities reports whether the engine lets us say which network is the default gateway's (API 1.48).
func priorities(api string) bool {
	major, minor, _ := strings.Cut(api, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	return errA == nil && errB == nil && (a > 1 || a == 1 && b >= 48)
}
