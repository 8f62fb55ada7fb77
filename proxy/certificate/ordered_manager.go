package certificate

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gateway/proxy/certificate/authority"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// Ordered has the certificates that the gateway orders itself, by ACME (RFC 8555) or from its own authority. Names follow
// the hosts of the routes, within the limits of OrderConfig. What is stored is shown from the beginning; orders and
// renewals are made by Run. All methods are safe for concurrent use.
type Ordered struct {
	config  OrderConfig
	store   *storage
	zap     *zap.Logger
	cache   *certmagic.Cache
	stapler *certmagic.Config
	// first, second and addresses are public authorities, internal is the gateway's own; see newIssuers.
	first, second, addresses, internal *issuer
	// dns changes zones; nil without OrderConfig.DNS.
	dns certmagic.DNSProvider
	// authority signs for internal; nil for none.
	authority *authority.Authority
	// isInternal reports names that no public authority issues for.
	isInternal func(name string) bool
	// preflight finds out whether an authority could validate a name.
	preflight func(ctx context.Context, name string) []Finding
	// expected has the tokens of checks.
	expected sync.Map
	shown    atomic.Pointer[showing]
	// wake makes Run look for orders that are due.
	wake chan struct{}

	// mu guards what is below.
	mu sync.Mutex
	// known is whether there was a table.
	known bool
	hosts []Host
	// names is when hosts of routes became names, and unkept whether that is not on disk. It is read once: what cannot be
	// read for a moment would make each name a new one.
	names   map[string]time.Time
	unkept  bool
	wanted  []string
	entries map[string]*entry
	refused []State
	again   time.Time
	running int
}

// entry is one name that is to have a certificate.
type entry struct {
	current *obtained
	record  record
	// ordering is while an order is under way, forced when somebody asked for one, and replace why the current
	// certificate has to go.
	ordering, forced bool
	replace          string
	// challenge is that of the order under way.
	challenge string
	// asked is when the authority was last asked for a window, and closed until when an order waits since the proxy did
	// not listen.
	asked, closed time.Time
}

// NewOrdered makes the folder and loads what is stored for the domains; it orders nothing, and asks nobody. Errors name
// the setting that is wrong. Call Run once.
func NewOrdered(c OrderConfig) (*Ordered, error) {
	c.HTTPHost, c.TLSHost = cmp.Or(c.HTTPHost, "127.0.0.1"), cmp.Or(c.TLSHost, "127.0.0.1")
	if c.Client == nil {
		c.Client = c.client()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, name := range c.Domains {
		if strings.HasPrefix(name, "*.") && c.DNS == nil && !authority.Internal(name) {
			return nil, fmt.Errorf("%s: a wildcard is proved by DNS alone; add --dns and --dns-token-file", name)
		}
	}
	store, err := newStorage(c.Folder, c.Logger)
	if err != nil {
		return nil, err
	}
	o := &Ordered{
		config: c, store: store, zap: zap.New(slogCore{log: c.Logger}), isInternal: authority.Internal,
		entries: map[string]*entry{}, wake: make(chan struct{}, 1),
	}
	o.preflight = o.examine
	solver, err := o.newSolver()
	if err != nil {
		return nil, err
	}
	o.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return o.stapler, nil },
		Logger:           o.zap,
	})
	o.stapler = o.newStapler()
	if err := o.newIssuers(solver); err != nil {
		o.cache.Stop()
		return nil, err
	}
	if c.Internal {
		if o.authority, err = authority.Open(filepath.Join(c.Folder, "authority"), c.Domains, c.Logger); err != nil {
			o.cache.Stop()
			return nil, fmt.Errorf("opening the gateway's own authority: %w", err)
		}
		o.internal = o.newInternal(o.authority)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names = store.names()
	o.apply()
	return o, nil
}

// Authority returns the gateway's own authority; nil without OrderConfig.Internal.
func (o *Ordered) Authority() *authority.Authority { return o.authority }

// Root returns the root certificate of the gateway's own authority in PEM, empty without OrderConfig.Internal.
func (o *Ordered) Root() []byte {
	if o.authority == nil {
		return nil
	}
	return o.authority.RootPEM()
}

// SetHosts replaces the hosts of the routes. Stored certificates of new ones are shown when it returns; orders for the
// others begin then. Those of hosts that are gone are neither shown nor renewed any more; their files stay.
func (o *Ordered) SetHosts(hosts []Host) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hosts, o.known = hosts, true
	o.apply()
}

// apply lets the names follow the hosts. o.mu is held.
func (o *Ordered) apply() {
	now := time.Now()
	c := o.choose(o.hosts, o.names, now)
	if o.known && (o.unkept || !sameNames(o.names, c.first)) {
		err := o.store.keepNames(c.first)
		if o.unkept = err != nil; o.unkept {
			o.config.Logger.Error("the names of the day cannot be stored", "error", err)
		}
		o.names = c.first
	}
	o.wanted, o.refused, o.again = c.wanted, c.refused, c.again
	for name, e := range o.entries {
		// An order that is under way ends, and is forgotten then.
		if !e.ordering && !slices.Contains(c.wanted, name) {
			o.forget(name)
		}
	}
	for _, name := range c.wanted {
		if o.entries[name] == nil {
			o.entries[name] = &entry{current: o.load(name), record: o.store.record(name)}
		}
	}
	o.show()
	o.signal()
}

func (o *Ordered) forget(name string) {
	delete(o.entries, name)
	o.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: name}})
}

func (o *Ordered) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// States describes each name, those that are refused too, sorted by name. The slice is the caller's.
func (o *Ordered) States() []State {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	states := slices.Clone(o.refused)
	for name, e := range o.entries {
		states = append(states, o.state(name, e, now))
	}
	slices.SortFunc(states, func(a, b State) int { return strings.Compare(a.Name, b.Name) })
	return states
}

func (o *Ordered) state(name string, e *entry, now time.Time) State {
	s := State{
		Name: name, Source: "acme", Challenge: e.record.Challenge, Error: e.record.Error, Fix: e.record.Fix,
		Failures: e.record.Failures, Replaced: e.record.Replaced, Next: e.record.Next, Phase: Waiting,
	}
	if o.isInternal(name) {
		s.Source = "internal"
	}
	if c := e.current; c != nil {
		s.Issuer, s.NotBefore, s.Expires, s.Renews = c.Leaf.Issuer.String(), c.Leaf.NotBefore, c.Leaf.NotAfter, c.renews()
		o.warn(&s, e, now)
		if e.record.Failures == 0 {
			s.Phase, s.Next = Valid, c.renews()
		}
	}
	unfailed := e.current == nil && e.record.Failures == 0
	switch {
	case e.ordering, unfailed && e.record.Interrupted < 2:
		s.Phase = Ordering // or is to begin
	case unfailed:
		s.Error = "the gateway ended during two orders in a row"
		s.Fix = "find out why it ended, or order now by: " + renewCommand + name
	case e.current != nil && now.After(s.Expires):
		s.Phase = Expired
		s.Fix = cmp.Or(s.Fix, "run: "+renewCommand+name)
	case now.Before(e.record.Limited):
		s.Phase = Limited
	}
	return s
}

// warn notes what needs attention while the certificate is still good.
func (o *Ordered) warn(s *State, e *entry, now time.Time) {
	if err := o.store.missing(s.Name); err != nil {
		f := cannotStore(o.config.Folder, err)
		s.Warning, s.Fix = f.cause, f.fix
		return
	}
	if left := s.Expires.Sub(now); now.After(e.current.warns()) && left > 0 && !e.ordering {
		s.Warning = fmt.Sprintf("ends in %s, and no renewal is under way", about(left))
	}
}

// Renew asks for an order for a name, or for each if it is empty. Without force it does nothing for a certificate that is
// not due, nor before the next try after a failure, unless that came before the authority was asked. With force it does not
// wait as after failures; what an authority demands, and four failures an hour, hold all the same. An error wraps ErrUnknownName or ErrLimited.
func (o *Ordered) Renew(name string, force bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if name != "" {
		return o.request(name, force)
	}
	var first error
	for name := range o.entries {
		if err := o.request(name, force); err != nil && (first == nil || name < first.Error()) {
			first = err
		}
	}
	return first
}

func (o *Ordered) request(name string, force bool) error {
	e := o.entries[name]
	if e == nil {
		return fmt.Errorf("%s: %w", name, ErrUnknownName)
	}
	now := time.Now()
	if e.ordering || !force && e.current != nil && e.replace == "" && now.Before(e.current.renews()) {
		return nil
	}
	if until := e.record.exhausted(now); !until.IsZero() {
		return fmt.Errorf("%s: %w; the next one is possible at %s", name, ErrLimited, until.UTC().Format(minute))
	}
	if !force && !e.record.Unasked && now.Before(e.record.Next) {
		return fmt.Errorf("%s: %w; it is tried again at %s, and at once with --force", name, ErrLimited, e.record.Next.UTC().Format(minute))
	}
	e.forced = true
	o.signal()
	return nil
}

// revoked makes Run replace the certificate of a name.
func (o *Ordered) revoked(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.entries[name]; e != nil && e.current != nil {
		e.replace = "revoked"
		o.signal()
	}
}

var _ ordered = (*Ordered)(nil)
