package certificate

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// orderTimeout limits an order with all that comes before it.
const orderTimeout = 15 * time.Minute

// order makes the order of a name and notes what became of it.
func (o *Ordered) order(ctx context.Context, name string) {
	limited, cancel := context.WithTimeout(ctx, orderTimeout)
	renewed, err := o.attempt(limited, name)
	cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.entries[name]
	e.ordering = false
	o.running--
	now := time.Now()
	switch {
	case err == nil && renewed == nil:
		// Somebody else's failure was found: its wait is taken over.
	case err == nil:
		o.succeed(name, e, renewed)
	case ctx.Err() != nil:
		e.record.end()
	default:
		f := classify(err, name, o.config.Folder, now)
		e.record.fail(f, now, len(o.issuers(name)) > 1)
		e.forced = e.forced && f.kind == closed
		if f.kind == closed {
			e.closed = e.record.Next
		} else {
			o.config.Logger.Warn("no certificate", "name", name, "error", e.record.Error, "fix", e.record.Fix,
				"failures", e.record.Failures, "next", e.record.Next)
		}
	}
	if err := o.store.keep(name, e.record); err != nil {
		o.config.Logger.Error("the waits of a name cannot be stored", "name", name, "error", err)
	}
	if !slices.Contains(o.wanted, name) {
		o.forget(name)
	}
	o.show()
}

// succeed shows a new certificate. o.mu is held.
func (o *Ordered) succeed(name string, e *entry, renewed *obtained) {
	if e.current == nil || !slices.EqualFunc(renewed.Certificate.Certificate, e.current.Certificate.Certificate, slices.Equal) {
		o.config.Logger.Info("a new certificate is in use", "name", name, "issuer", renewed.Leaf.Issuer.String(), "expires", renewed.Leaf.NotAfter)
		e.record.succeed(e.challenge, e.replace)
		o.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: name}})
	} else {
		e.record.succeed(e.record.Challenge, e.record.Replaced)
	}
	e.current, e.forced, e.replace, e.challenge, e.asked = renewed, false, "", "", time.Now()
}

// lostAccount is what certmagic says after it made a new account in place of one that the authority has lost: it orders with
// the old one again, and the new one is for the next order.
const lostAccount = "no certificate chains"

// attempt makes one order, unless another process has made it in the meantime. It returns the certificate that is to be
// shown; nil, if another process failed.
func (o *Ordered) attempt(ctx context.Context, name string) (*obtained, error) {
	// One lock a name, whichever authority is asked; certmagic's own is within.
	lock := "order_" + name
	if err := o.store.Lock(ctx, lock); err != nil {
		if ctx.Err() != nil {
			return nil, &failure{kind: closed, cause: "another process has the lock of " + name}
		}
		return nil, cannotStore(o.config.Folder, err)
	}
	defer func() {
		if err := o.store.Unlock(ctx, lock); err != nil {
			o.config.Logger.Warn("a lock cannot be released", "name", name, "error", err)
		}
	}()
	found, done := o.meanwhile(name)
	if done {
		return found, nil
	}
	o.mu.Lock()
	e := o.entries[name]
	now := time.Now()
	i := o.issuer(name, e.record, now)
	w := i.way(e.record)
	o.mu.Unlock()
	w, staging, err := o.ready(ctx, name, i, w)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	e.challenge = w.challenge
	e.record.begin(now, i.key)
	err = o.store.keep(name, e.record)
	o.mu.Unlock()
	if err != nil {
		return nil, cannotStore(o.config.Folder, err)
	}
	if staging {
		// certmagic asks its staging server first in any attempt but the first.
		attempts := 1
		ctx = context.WithValue(ctx, certmagic.AttemptsCtxKey, &attempts)
	}
	o.config.Logger.Info("ordering a certificate", "name", name, "authority", i.key, "challenge", w.challenge)
	err = w.config.RenewCertSync(ctx, name, true)
	if err != nil && strings.Contains(err.Error(), lostAccount) {
		// Such an authority does not know the certificate either that is to be replaced (RFC 9773): in its attempt of this
		// number, certmagic names none.
		if attempts := 2; w.acme != nil && w.acme.TestCA == "" {
			ctx = context.WithValue(ctx, certmagic.AttemptsCtxKey, &attempts)
		}
		err = w.config.RenewCertSync(ctx, name, true)
	}
	if err != nil {
		return nil, err
	}
	renewed := o.load(name)
	if renewed == nil {
		return nil, fmt.Errorf("the certificate of %s was issued and is not stored", name)
	}
	return renewed, nil
}

// meanwhile reads again what another process may have changed while the lock was waited for: a certificate that is not
// due, or a failure whose wait holds here too.
func (o *Ordered) meanwhile(name string) (found *obtained, done bool) {
	found, now := o.load(name), time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.entries[name]
	newer := found != nil && (e.current == nil || found.Leaf.NotBefore.After(e.current.Leaf.NotBefore))
	if newer && now.Before(found.renews()) {
		return found, true
	}
	if r := o.store.record(name); r.Last.After(e.record.Last) {
		e.record = r
		if now.Before(r.Next) && !e.forced {
			return nil, true
		}
	}
	return nil, false
}

// ready finds out whether an order is worth making, and which way it goes: another than w, if the port of that is open and
// the one of w may be closed. staging means that a try at the staging server tells whether it is worth it.
func (o *Ordered) ready(ctx context.Context, name string, i *issuer, w way) (fit way, staging bool, err error) {
	if o.isInternal(name) {
		return w, false, nil
	}
	// The checks come to the same listeners.
	if err := o.listens(ctx, w); err != nil {
		return w, false, err
	}
	found := o.preflight(ctx, name)
	for _, f := range found {
		if f.Verdict == Bad {
			return w, false, &failure{kind: free, cause: f.Message, fix: f.Fix}
		}
	}
	if o.port(w, found) == Unsure {
		for _, other := range i.ways {
			if o.port(other, found) == Good && o.listens(ctx, other) == nil {
				w = other
			}
		}
	}
	for _, f := range found {
		staging = staging || f.Verdict == Unsure && !strings.HasPrefix(f.Subject, "port ")
	}
	staging = staging || o.port(w, found) == Unsure
	return w, staging && w.acme != nil && w.acme.TestCA != "", nil
}

// port is what a check found at the port of a challenge; empty, if it did not look.
func (o *Ordered) port(w way, found []Finding) (v Verdict) {
	subjects := map[string][]string{
		acme.ChallengeTypeHTTP01:    {"port 80", fmt.Sprintf("port %d", o.config.HTTPPort)},
		acme.ChallengeTypeTLSALPN01: {"port 443", fmt.Sprintf("port %d", o.config.TLSPort)},
	}[w.challenge]
	for _, f := range found {
		if slices.Contains(subjects, f.Subject) && v != Unsure {
			v = f.Verdict
		}
	}
	return v
}

// listens returns an error unless the proxy listens: where nothing does, certmagic would, and take the port from the proxy.
func (o *Ordered) listens(ctx context.Context, w way) error {
	port := map[string]int{acme.ChallengeTypeHTTP01: o.config.HTTPPort, acme.ChallengeTypeTLSALPN01: o.config.TLSPort}[w.challenge]
	if port == 0 {
		return nil
	}
	d := net.Dialer{Timeout: 5 * time.Second}
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(o.hostOf(w.challenge), strconv.Itoa(port)))
	if err != nil {
		return &failure{kind: closed, cause: err.Error()}
	}
	return c.Close()
}

// issuerOf is the authority of a name by its key; nil for one that is in no setting any more.
func (o *Ordered) issuerOf(name, key string) *issuer {
	for _, i := range o.issuers(name) {
		if i.key == key {
			return i
		}
	}
	return nil
}
