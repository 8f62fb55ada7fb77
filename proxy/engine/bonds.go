package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// ErrUnbound says, together with ErrAnswer, that the connection on which the client was authenticating itself has ended.
// The rest of the handshake means nothing to another connection, so the client must begin it again.
var ErrUnbound = errors.New("the connection to the target ended within the client's authentication")

// mostBonds is how many targets one connection of a client is bound to. Beyond, the oldest bond is given up.
const mostBonds = 16

// bonds are the targets to which a client's connection has connections of its own: NTLM and Negotiate were spoken on them,
// which authenticate a connection and not a request (RFC 4559 section 6). Such a connection carries the requests of this
// client connection alone and ends with it. Where that is a trusted proxy's, which speaks for many, it carries those of the
// client alone that authenticated last. Streams of HTTP/2 take turns: one has the bound connection, and others that
// come meanwhile get one that is not authenticated. It is safe for concurrent use.
type bonds struct {
	// some reports that there are any, so that most requests do without the lock.
	some atomic.Bool

	mu        sync.Mutex
	upstreams []*Upstream
	// midway are the handshakes of which a target waits for the next step.
	midway []handshake
}

// handshake is one of a client with a target. Over a connection of a trusted proxy there may be those of several clients.
type handshake struct {
	with   *Upstream
	client string
}

// has reports whether there is a bond with that target, or with any for nil.
func (b *bonds) has(u *Upstream) bool {
	if u == nil || !b.some.Load() {
		return b.some.Load()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.upstreams, u)
}

// awaits reports whether the target waits for the client's next step.
func (b *bonds) awaits(h handshake) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.midway, h)
}

// note records the bond with a target, and whether that waits for the client's next step.
func (b *bonds) note(h handshake, midway bool) {
	u := h.with
	var oldest *Upstream
	b.mu.Lock()
	if !slices.Contains(b.upstreams, u) {
		if len(b.upstreams) == mostBonds {
			oldest = b.upstreams[0]
			b.forget(oldest)
		}
		b.upstreams = append(b.upstreams, u)
	}
	b.some.Store(true)
	b.end(u)
	if midway {
		b.midway = append(b.midway, h)
	}
	b.mu.Unlock()
	if oldest != nil {
		oldest.unbind(b)
	}
}

// forget is called with the lock held.
func (b *bonds) forget(u *Upstream) {
	b.upstreams = slices.DeleteFunc(b.upstreams, func(other *Upstream) bool { return other == u })
	b.end(u)
}

// end forgets the handshakes with a target. It is called with the lock held.
func (b *bonds) end(u *Upstream) {
	b.midway = slices.DeleteFunc(b.midway, func(h handshake) bool { return h.with == u })
}

// release closes the bound connections, as the client's has ended.
func (b *bonds) release() {
	if !b.some.Load() {
		return
	}
	b.mu.Lock()
	all := b.upstreams
	b.upstreams, b.midway = nil, nil
	b.some.Store(false)
	b.mu.Unlock()
	for _, u := range all {
		u.unbind(b)
	}
}

// takeBound returns the connection on which that client has authenticated, or nil when there is none or it is in use.
func (u *Upstream) takeBound(b *bonds, client string) *link {
	u.mu.Lock()
	l := u.bound[b]
	if l == nil || l.client != client {
		u.mu.Unlock()
		return nil
	}
	delete(u.bound, b)
	u.mu.Unlock()
	l.sock.Within(0)
	if l.sock.Interrupted() {
		l.close()
		return nil
	}
	return l
}

// bind keeps a connection for the client of the exchange alone, whatever Limits.Kept says. It takes the place of another
// client's only for one that authenticates itself: the mere offer to do so is made to all.
func (u *Upstream) bind(x *Exchange, l *link, midway bool) {
	b, client := x.client.bonds(), x.Request.Peer
	if l.used, l.owner = true, b; l.client != client {
		l.client = strings.Clone(client)
	}
	h := handshake{u, l.client}
	l.sock.Within(u.engine.config.Keep)
	u.mu.Lock()
	other := u.bound[b]
	taken := other != nil && (other.client == client || !x.Request.ConnAuth)
	full := taken || u.leavingLocked() || u.engine.draining.Load() || l.sock.Interrupted()
	if !full {
		if u.bound == nil {
			u.bound = map[*bonds]*link{}
		}
		u.bound[b] = l
	}
	u.mu.Unlock()
	switch {
	case full:
		l.close()
	case other != nil:
		other.close()
	}
	if !taken {
		b.note(h, midway)
	}
}

// unbind closes the connection that is bound to the client's, unless it is in use.
func (u *Upstream) unbind(b *bonds) {
	u.mu.Lock()
	l := u.bound[b]
	delete(u.bound, b)
	u.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// Bound reports that the client's connection has one to that target which is its own: NTLM or Negotiate was spoken there.
// Requests of the client that could go to several targets must go to this one. With nil it reports that there is any.
func (x *Exchange) Bound(to *Upstream) bool { return x.client != nil && x.client.bonds().has(to) }

// takeBound takes the connection that is bound to the client's, if there is one for this request. A stream of HTTP/2 that
// has no part in a handshake does not get between its steps.
func (f *forwarding) takeBound() error {
	f.link = nil
	b := f.x.client.bonds()
	if !b.some.Load() {
		return nil
	}
	h := handshake{f.to, f.x.Request.Peer}
	midway := b.awaits(h)
	if midway && f.x.Request.Major > 1 && !f.x.Request.ConnAuth {
		return nil
	}
	f.link = f.to.takeBound(b, h.client)
	f.step = midway && f.x.Request.ConnAuth
	if midway {
		b.note(h, false)
	}
	if f.link == nil && f.step {
		return f.unbound()
	}
	return nil
}

func (f *forwarding) unbound() error {
	return fmt.Errorf("%w: %w", ErrAnswer, ErrUnbound)
}
