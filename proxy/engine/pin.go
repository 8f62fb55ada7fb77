package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// ErrUnpinned says, together with ErrResponse, that the connection on which the client was authenticating itself has ended.
// The rest of the handshake means nothing to another connection, so the client must begin it again.
var ErrUnpinned = errors.New("the connection to the target ended within the client's authentication")

// maxPins is how many targets one connection of a client is bound to. Beyond, the oldest bond is given up.
const maxPins = 16

// pins are the targets to which a client's connection has connections of its own: NTLM and Negotiate were spoken on them,
// which authenticate a connection and not a request (RFC 4559 section 6). Such a connection carries the requests of this
// client connection alone and ends with it. Where that is a trusted proxy's, which speaks for many, it carries those of the
// client alone that authenticated last. Streams of HTTP/2 take turns: one has the bound connection, and others that
// come meanwhile get one that is not authenticated. It is safe for concurrent use.
type pins struct {
	// any reports that there are any, so that most requests do without the lock.
	any atomic.Bool

	mu        sync.Mutex
	upstreams []*Upstream
	// pending are the handshakes of which a target waits for the next step.
	pending []handshake
}

// handshake is one of a client with a target. Over a connection of a trusted proxy there may be those of several clients.
type handshake struct {
	with   *Upstream
	client string
}

// has reports whether there is a bond with that target, or with any for nil.
func (b *pins) has(u *Upstream) bool {
	if u == nil || !b.any.Load() {
		return b.any.Load()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.upstreams, u)
}

// expects reports whether the target waits for the client's next step.
func (b *pins) expects(h handshake) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.pending, h)
}

// add records the bond with a target, and whether that waits for the client's next step.
func (b *pins) add(h handshake, midway bool) {
	u := h.with
	var oldest *Upstream
	b.mu.Lock()
	if !slices.Contains(b.upstreams, u) {
		if len(b.upstreams) == maxPins {
			oldest = b.upstreams[0]
			b.remove(oldest)
		}
		b.upstreams = append(b.upstreams, u)
	}
	b.any.Store(true)
	b.endHandshakes(u)
	if midway {
		b.pending = append(b.pending, h)
	}
	b.mu.Unlock()
	if oldest != nil {
		oldest.unpin(b)
	}
}

// remove is called with the lock held.
func (b *pins) remove(u *Upstream) {
	b.upstreams = slices.DeleteFunc(b.upstreams, func(other *Upstream) bool { return other == u })
	b.endHandshakes(u)
}

// endHandshakes forgets the handshakes with a target. It is called with the lock held.
func (b *pins) endHandshakes(u *Upstream) {
	b.pending = slices.DeleteFunc(b.pending, func(h handshake) bool { return h.with == u })
}

// release closes the bound connections, as the client's has ended.
func (b *pins) release() {
	if !b.any.Load() {
		return
	}
	b.mu.Lock()
	all := b.upstreams
	b.upstreams, b.pending = nil, nil
	b.any.Store(false)
	b.mu.Unlock()
	for _, u := range all {
		u.unpin(b)
	}
}

// takePinned returns the connection on which that client has authenticated, or nil when there is none or it is in use.
func (u *Upstream) takePinned(b *pins, client string) *link {
	u.mu.Lock()
	l := u.pinned[b]
	if l == nil || l.client != client {
		u.mu.Unlock()
		return nil
	}
	delete(u.pinned, b)
	u.mu.Unlock()
	l.sock.Within(0)
	if l.sock.Interrupted() {
		l.close()
		return nil
	}
	return l
}

// pin keeps a connection for the client of the exchange alone, whatever Limits.Kept says. It takes the place of another
// client's only for one that authenticates itself: the mere offer to do so is made to all.
func (u *Upstream) pin(x *Exchange, l *link, midway bool) {
	b, client := x.client.pins(), x.Request.Peer
	if l.used, l.owner = true, b; l.client != client {
		l.client = strings.Clone(client)
	}
	h := handshake{u, l.client}
	l.sock.Within(u.engine.config.Keep)
	u.mu.Lock()
	other := u.pinned[b]
	taken := other != nil && (other.client == client || !x.Request.ConnAuth)
	full := taken || u.closingLocked() || u.engine.draining.Load() || l.sock.Interrupted()
	if !full {
		if u.pinned == nil {
			u.pinned = map[*pins]*link{}
		}
		u.pinned[b] = l
	}
	u.mu.Unlock()
	switch {
	case full:
		l.close()
	case other != nil:
		other.close()
	}
	if !taken {
		b.add(h, midway)
	}
}

// unpin closes the connection that is bound to the client's, unless it is in use.
func (u *Upstream) unpin(b *pins) {
	u.mu.Lock()
	l := u.pinned[b]
	delete(u.pinned, b)
	u.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// Pinned reports that the client's connection has one to that target which is its own: NTLM or Negotiate was spoken there.
// Requests of the client that could go to several targets must go to this one. With nil it reports that there is any.
func (x *Exchange) Pinned(to *Upstream) bool { return x.client != nil && x.client.pins().has(to) }

// takePinned takes the connection that is bound to the client's, if there is one for this request. A stream of HTTP/2 that
// has no part in a handshake does not get between its steps.
func (f *forwarding) takePinned() error {
	f.link = nil
	b := f.x.client.pins()
	if !b.any.Load() {
		return nil
	}
	h := handshake{f.to, f.x.Request.Peer}
	midway := b.expects(h)
	if midway && f.x.Request.Major > 1 && !f.x.Request.ConnAuth {
		return nil
	}
	f.link = f.to.takePinned(b, h.client)
	f.step = midway && f.x.Request.ConnAuth
	if midway {
		b.add(h, false)
	}
	if f.link == nil && f.step {
		return f.unpinned()
	}
	return nil
}

func (f *forwarding) unpinned() error {
	return fmt.Errorf("%w: %w", ErrResponse, ErrUnpinned)
}
