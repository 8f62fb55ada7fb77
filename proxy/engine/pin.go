package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// ErrUnpinned says, together with ErrResponse, that the connection on which the client was authenticating has ended.
// The client must begin the handshake again, since it cannot continue over another connection.
var ErrUnpinned = errors.New("the connection to the target ended within the client's authentication")

// maxPins is the most targets that one connection of a client is pinned to. Beyond that, the oldest pin is dropped.
const maxPins = 16

// pins are the targets to which a client's connection has pinned connections: NTLM or Negotiate were used on them,
// which authenticate a connection and not a request (RFC 4559 section 6). A pinned connection serves only the client's
// connection and ends with it. If that is the connection of a trusted proxy, which has many clients, it serves only the
// client that authenticated last. Streams of HTTP/2 take turns: one uses the pinned connection, and concurrent ones get
// a connection that is not authenticated. pins is safe for concurrent use.
type pins struct {
	// any reports that there are pins, so that most requests need no lock.
	any atomic.Bool

	mu        sync.Mutex
	upstreams []*Upstream
	// pending are the handshakes in which the target waits for the client's next step.
	pending []handshake
}

// handshake is one of a client with a target. A connection of a trusted proxy may have those of several clients.
type handshake struct {
	with   *Upstream
	client string
}

// has reports whether the target is pinned, or any target for nil.
func (p *pins) has(u *Upstream) bool {
	if u == nil || !p.any.Load() {
		return p.any.Load()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.upstreams, u)
}

// expects reports whether the target waits for the client's next step.
func (p *pins) expects(h handshake) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.pending, h)
}

// add adds a target, and whether that waits for the client's next step.
func (p *pins) add(h handshake, awaited bool) {
	u := h.with
	var oldest *Upstream
	p.mu.Lock()
	if !slices.Contains(p.upstreams, u) {
		if len(p.upstreams) == maxPins {
			oldest = p.upstreams[0]
			p.remove(oldest)
		}
		p.upstreams = append(p.upstreams, u)
	}
	p.any.Store(true)
	p.endHandshakes(u)
	if awaited {
		p.pending = append(p.pending, h)
	}
	p.mu.Unlock()
	if oldest != nil {
		oldest.unpin(p)
	}
}

// remove removes a target. The caller holds the lock.
func (p *pins) remove(u *Upstream) {
	p.upstreams = slices.DeleteFunc(p.upstreams, func(other *Upstream) bool { return other == u })
	p.endHandshakes(u)
}

// endHandshakes removes the handshakes with a target. The caller holds the lock.
func (p *pins) endHandshakes(u *Upstream) {
	p.pending = slices.DeleteFunc(p.pending, func(h handshake) bool { return h.with == u })
}

// release closes the pinned connections, as the client's has ended.
func (p *pins) release() {
	if !p.any.Load() {
		return
	}
	p.mu.Lock()
	all := p.upstreams
	p.upstreams, p.pending = nil, nil
	p.any.Store(false)
	p.mu.Unlock()
	for _, u := range all {
		u.unpin(p)
	}
}

// takePinned returns the connection on which that client has authenticated, nil when there is none or it is in use.
func (u *Upstream) takePinned(p *pins, client string) *link {
	u.mu.Lock()
	l := u.pinned[p]
	if l == nil || l.client != client {
		u.mu.Unlock()
		return nil
	}
	delete(u.pinned, p)
	u.mu.Unlock()
	l.sock.Within(0)
	if l.sock.Interrupted() {
		l.close()
		return nil
	}
	return l
}

// pin keeps a connection only for the client of the exchange, whatever Limits.Kept says. It replaces the connection of
// another client only if this one authenticates: a target offers authentication to all.
func (u *Upstream) pin(x *Exchange, l *link, awaited bool) {
	p, client := x.client.pins(), x.Request.Peer
	if l.used, l.owner = true, p; l.client != client {
		l.client = strings.Clone(client)
	}
	h := handshake{u, l.client}
	l.sock.Within(u.engine.config.Keep)
	u.mu.Lock()
	other := u.pinned[p]
	taken := other != nil && (other.client == client || !x.Request.ConnAuth)
	full := taken || u.closingLocked() || u.engine.draining.Load() || l.sock.Interrupted()
	if !full {
		if u.pinned == nil {
			u.pinned = map[*pins]*link{}
		}
		u.pinned[p] = l
	}
	u.mu.Unlock()
	switch {
	case full:
		l.close()
	case other != nil:
		other.close()
	}
	if !taken {
		p.add(h, awaited)
	}
}

// unpin closes the connection that is pinned to the client's, unless it is in use.
func (u *Upstream) unpin(p *pins) {
	u.mu.Lock()
	l := u.pinned[p]
	delete(u.pinned, p)
	u.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// Pinned reports that a connection to that target is pinned to the client's connection, since NTLM or Negotiate was
// used on it. The client's requests that could go to several targets must go to this one. With nil it reports whether
// there is any.
func (x *Exchange) Pinned(to *Upstream) bool { return x.client != nil && x.client.pins().has(to) }

// takePinned takes the pinned connection, if there is one for this request. A stream of HTTP/2 that is not part of a
// handshake must not come between its steps.
func (f *forwarding) takePinned() error {
	f.link = nil
	p := f.x.client.pins()
	if !p.any.Load() {
		return nil
	}
	h := handshake{f.to, f.x.Request.Peer}
	awaited := p.expects(h)
	if awaited && f.x.Request.Major > 1 && !f.x.Request.ConnAuth {
		return nil
	}
	f.link = f.to.takePinned(p, h.client)
	f.step = awaited && f.x.Request.ConnAuth
	if awaited {
		p.add(h, false)
	}
	if f.link == nil && f.step {
		return f.unpinned()
	}
	return nil
}

func (f *forwarding) unpinned() error {
	return fmt.Errorf("%w: %w", ErrResponse, ErrUnpinned)
}
