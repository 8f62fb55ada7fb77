// Package health asks targets by itself whether they can serve, beside the clients: one loop of checks for each target
// and check, whose verdicts change only after some results in a row. It knows nothing of tables, of requests or of what
// is done with a verdict. The policy worth stating: a target that was never checked is Unknown, and its first check
// decides at once, as does the first that passes, for which one that is starting is asked more often; no target waits for
// another.
package health

import (
	"log/slog"
	"net/http"
	"sync"

	"gateway/proxy/route"
)

// Health is what the checks of a target say.
type Health int

// The verdicts. The zero value is Unknown.
const (
	Unknown Health = iota // was not checked yet, or is not checked at all
	Passing               // may take requests
	Failing               // may not
)

// String is the verdict in a word: unknown, passing or failing.
func (h Health) String() string {
	switch h {
	case Passing:
		return "passing"
	case Failing:
		return "failing"
	default:
		return "unknown"
	}
}

// Key names one loop of checks. Keys are comparable, and each difference makes another loop with a verdict of its own.
type Key struct {
	// ID tells targets apart that had one address after the other; it may be empty.
	ID string
	// Address is host:port.
	Address string
	Scheme  route.Scheme
	// Host is what the Host header says; empty for the address.
	Host string
	// Check is what is asked and how often. Of its fields all but the path may be zero, which stands for the default.
	Check route.Check
}

// Target is what is to be checked.
type Target struct {
	Key
	// Name is what people know the target by. It is logged, and decides nothing.
	Name string
}

// Config is what a checker needs.
type Config struct {
	// Report is told each change of a verdict, the first one included; the reason says in words for people why a target
	// fails, and is empty for one that passes. The calls come one after the other, those for a key in the order of its
	// checks. They must not wait, but may call Set and State. A key that was taken out may be reported once more when
	// that happens at the same time. It may be nil.
	Report func(key Key, passing bool, reason string)
	// Log is told when a target starts to fail, and when it passes again.
	Log *slog.Logger
	// Transport returns what sends the requests to targets of a scheme; nil is for a new connection for each check, whose
	// certificate is not verified.
	Transport func(route.Scheme) http.RoundTripper
}

// Checker checks targets while Run does. It is safe for concurrent use.
type Checker struct {
	config   Config
	pokes    chan struct{}
	outcomes chan outcome

	mu    sync.Mutex
	loops map[Key]*loop
	// gone are the loops that run and are to be ended.
	gone []*loop
	// generation counts the calls of Set.
	generation uint64
}

// New returns a checker of nothing.
func New(c Config) *Checker {
	if c.Transport == nil {
		c.Transport = newNetwork().transport
	}
	return &Checker{
		config: c, pokes: make(chan struct{}, 1), outcomes: make(chan outcome), loops: make(map[Key]*loop),
	}
}

// Set replaces what is checked. Loops whose key is in both keep their verdict and their phase, new ones start at once,
// a little spread, and the others end, with their verdict forgotten. Targets without an address or a path to ask for are
// left out; of two with one key the first counts. It may be called at any time and rate, and does not keep the slice.
func (c *Checker) Set(targets []Target) {
	c.mu.Lock()
	changed := c.replace(targets)
	c.mu.Unlock()
	if changed {
		c.poke()
	}
}

// State is the verdict on a target so far, with the reason when it fails. A key that is not checked is Unknown.
func (c *Checker) State(key Key) (Health, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.loops[key]
	if l == nil {
		return Unknown, ""
	}
	return l.verdict.health, l.verdict.reason
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

// poke tells Run that loops came or went: a poke while one waits is the same poke.
func (c *Checker) poke() {
	select {
	case c.pokes <- struct{}{}:
	default:
	}
}
