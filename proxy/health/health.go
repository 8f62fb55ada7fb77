// Package health runs the active health checks of targets: one loop for each target and check, whose verdict changes only
// after several results in a row. It knows nothing of tables, of requests or of what a verdict is used for. The policy
// worth stating: the first check decides at once, and so does the first that passes; a target that has not passed yet is
// checked more often, and no target waits for another.
package health

import (
	"log/slog"
	"net/http"
	"sync"

	"gateway/proxy/route"
)

// Key identifies one loop of checks. Different keys have different loops and verdicts.
type Key struct {
	// ID distinguishes targets that had the same address one after the other; it may be empty.
	ID string
	// Address is host:port.
	Address string
	Scheme  route.Scheme
	// Host is the Host field of the request; empty for the address.
	Host string
	// Check is the path and the timing. All fields but the path may be zero for their defaults.
	Check route.Check
}

// Target is a target to check.
type Target struct {
	Key
	// Name is the target's in logs.
	Name string
}

// Config configures a Checker.
type Config struct {
	// Report is called for each change of a verdict, the first verdict included. The reason says why a target fails, for
	// people, and is empty for one that passes. Calls come one after the other, those for a key in the order of its checks.
	// Report must not block, and may call Set. A key that Set removes at the same time may be reported once more. It may be
	// nil.
	Report func(key Key, passing bool, reason string)
	// Log gets a line when a target starts to fail, and when it passes again.
	Log *slog.Logger
	// Transport returns the transport for targets of a scheme. By default each check has a new connection, and certificates
	// are not verified.
	Transport func(route.Scheme) http.RoundTripper
}

// Checker checks targets while Run runs. It is safe for concurrent use.
type Checker struct {
	config   Config
	pokes    chan struct{}
	outcomes chan outcome

	mu    sync.Mutex
	loops map[Key]*loop
	// gone are the running loops that Run must end.
	gone []*loop
	// generation counts the calls of Set.
	generation uint64
}

// New returns a checker without targets.
func New(c Config) *Checker {
	if c.Transport == nil {
		c.Transport = newNetwork().transport
	}
	return &Checker{
		config: c, pokes: make(chan struct{}, 1), outcomes: make(chan outcome), loops: make(map[Key]*loop),
	}
}

// Set replaces the targets. Loops whose key stays keep their verdict and their phase, new loops start within a moment, and
// the others end with their verdict. Targets without an address or a path are left out; of two with the same key the
// first counts. Set may be called at any time and rate, and does not keep the slice.
func (c *Checker) Set(targets []Target) {
	c.mu.Lock()
	changed := c.replace(targets)
	c.mu.Unlock()
	if changed {
		c.poke()
	}
}

// replace reports whether loops came or went. It allocates only for new ones.
func (c *Checker) replace(targets []Target) bool {
	c.generation++
	changed, kept := false, 0
	for i := range targets {
		t := &targets[i]
		if t.Address == "" || t.Check.Path == "" {
			continue
		}
		l := c.loops[t.Key]
		if l == nil {
			l = newLoop(*t)
			c.loops[t.Key] = l
			changed = true
		}
		if l.generation != c.generation {
			l.generation = c.generation
			kept++
		}
	}
	if kept == len(c.loops) {
		return changed
	}
	for key, l := range c.loops {
		if l.generation == c.generation {
			continue
		}
		delete(c.loops, key)
		if l.started {
			c.gone = append(c.gone, l)
		}
	}
	return true
}

// poke makes Run start and end loops.
func (c *Checker) poke() {
	select {
	case c.pokes <- struct{}{}:
	default:
	}
}
