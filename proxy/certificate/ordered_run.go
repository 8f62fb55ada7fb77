package certificate

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// concurrent is how many orders are made at a time.
const concurrent = 8

// tick is how often Run looks for what is due, beside what wakes it.
const tick = time.Minute

// Run orders and renews until ctx ends, and returns nil when each order has ended.
func (o *Ordered) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer o.cache.Stop()
	defer running.Wait()
	running.Go(func() { o.maintain(ctx) })
	for {
		names, next := o.due(time.Now())
		for _, name := range names {
			running.Go(func() {
				o.order(ctx, name)
				o.signal()
			})
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-o.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// due takes the names whose order is to be made now, as many as may be, and says in how long the next ones are. Those
// without a certificate go first.
func (o *Ordered) due(now time.Time) (names []string, next time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.again.IsZero() && now.After(o.again) {
		o.apply()
	}
	next = tick
	for name, e := range o.entries {
		if e.ordering {
			continue
		}
		if wait := e.due(now).Sub(now); wait <= 0 {
			names = append(names, name)
		} else {
			next = min(next, wait)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(rank(o.entries[a].current == nil)-rank(o.entries[b].current == nil), strings.Compare(a, b))
	})
	names = names[:min(len(names), concurrent-o.running)]
	for _, name := range names {
		o.entries[name].ordering = true
		o.running++
	}
	return names, next
}

// due is when the next order of a name is.
func (e *entry) due(now time.Time) time.Time {
	switch {
	case e.closed.After(now):
		return e.closed
	case e.forced:
		return now
	case e.current == nil || e.replace != "":
		return e.record.Next
	case e.record.Failures == 0 && e.record.Interrupted < 2:
		return e.current.renews()
	case e.record.Next.After(e.current.renews()):
		return e.record.Next
	}
	return e.current.renews()
}

// maintain refreshes what comes with certificates until ctx ends: windows for renewal, OCSP staples, and files that the
// disk had no room for.
func (o *Ordered) maintain(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		o.maintainOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (o *Ordered) maintainOnce(ctx context.Context) {
	_ = o.store.flush() // States tells of it
	o.mu.Lock()
	if o.config.Except != nil {
		// Other certificates came, went or ended.
		o.apply()
	}
	current := map[string]*obtained{}
	now := time.Now()
	for name, e := range o.entries {
		if e.current != nil && !e.ordering {
			current[name] = e.current
		}
	}
	o.mu.Unlock()
	for name, c := range current {
		if ctx.Err() != nil {
			return
		}
		_ = o.store.flush() // A slow authority keeps no file waiting.
		o.staple(ctx, name, c)
		o.refresh(ctx, name, c, now)
	}
}

// staple takes the OCSP staple over that certmagic keeps fresh; nil for an authority without OCSP.
func (o *Ordered) staple(ctx context.Context, name string, c *obtained) {
	if len(c.Leaf.OCSPServer) == 0 {
		return
	}
	matching := o.cache.AllMatchingCertificates(name)
	if !slices.ContainsFunc(matching, c.same) {
		i := o.issuerOf(name, c.issuer)
		if i == nil {
			return
		}
		if cached, err := i.ways[0].config.CacheManagedCertificate(ctx, name); err == nil {
			matching = append(matching, cached)
		}
	}
	for _, m := range matching {
		if c.same(m) && string(m.OCSPStaple) != string(c.OCSPStaple) {
			stapled := *c.Certificate
			stapled.OCSPStaple = m.OCSPStaple
			o.replace(name, c, &obtained{Certificate: &stapled, issuer: c.issuer, ari: c.ari})
		}
	}
}

// windowInterval is how often a window is asked for when the authority does not say how often.
const windowInterval = 6 * time.Hour

// refresh asks the authority when it wants a certificate renewed (RFC 9773), as often as it likes to be asked.
func (o *Ordered) refresh(ctx context.Context, name string, c *obtained, now time.Time) {
	i := o.issuerOf(name, c.issuer)
	o.mu.Lock()
	e := o.entries[name]
	fresh := e == nil || now.Sub(e.asked) < windowInterval
	if c.ari.RetryAfter != nil {
		fresh = e == nil || now.Before(*c.ari.RetryAfter) || now.Sub(e.asked) < tick
	}
	if !fresh {
		e.asked = now
	}
	o.mu.Unlock()
	if fresh || i == nil || i.ways[0].acme == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	window, err := i.ways[0].acme.GetRenewalInfo(ctx, c.certmagic())
	if err != nil {
		// The authority has none, or none for what it did not issue; the lifetime decides then.
		o.config.Logger.Debug("no window for renewal", "name", name, "error", err)
		return
	}
	if window.SameWindow(c.ari) && !c.ari.SelectedTime.IsZero() {
		window.SelectedTime = c.ari.SelectedTime
	}
	o.keepWindow(ctx, name, c, window)
}

// keepWindow stores a window where certmagic does.
func (o *Ordered) keepWindow(ctx context.Context, name string, c *obtained, window acme.RenewalInfo) {
	if err := o.store.keepWindow(ctx, c.issuer, name, window); err != nil {
		o.config.Logger.Warn("a window for renewal cannot be stored", "name", name, "error", err)
	}
	after := &obtained{Certificate: c.Certificate, issuer: c.issuer, ari: window}
	if !o.replace(name, c, after) {
		return
	}
	if after.overdue(time.Now()) {
		o.revoked(name)
	}
	o.signal()
}

// replace replaces the current certificate of a name, unless that is no longer before. It reports whether it did.
func (o *Ordered) replace(name string, before, after *obtained) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.entries[name]
	if e == nil || e.current != before {
		return false
	}
	e.current = after
	o.show()
	return true
}
