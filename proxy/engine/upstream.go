package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"gateway/proxy/socket"
)

// What can become of an exchange that was not answered.
var (
	// ErrConnect says that the target could not be reached; ErrTimeout is there too when it took longer than
	// Timeouts.Connect. Nothing was sent to it and nothing of the request's body was read, so another may be tried.
	ErrConnect = errors.New("cannot connect to the target")
	// ErrTimeout says that the target took longer than Timeouts.Connect, Answer or Total before its response began.
	ErrTimeout = errors.New("the target did not answer in time")
	// ErrResponse says that the target broke the connection, answered what is not HTTP as the RFCs have it, or changed to a
	// protocol that was not asked for. Nothing of its response was sent to the client.
	ErrResponse = errors.New("the target did not answer properly")
	// ErrDeclined says that the hooks did not accept the response. Nothing of it was sent to the client.
	ErrDeclined = errors.New("the target's answer was not accepted")
	// ErrRequest says that the body of the client's request is malformed.
	ErrRequest = errors.New("the request cannot be read")
	// ErrReceive says that a transformer of Exchange.Receive failed; its error is wrapped too. The target got a part of the
	// request, so that no other may be tried.
	ErrReceive = errors.New("the request's body was refused on its way")
	// ErrDisconnected says that the client is gone, broke off the body or was too slow, and needs no response. ErrRequest is wrapped
	// too when the body was malformed and the response had begun.
	ErrDisconnected = errors.New("the client is gone")
	// ErrBroken says that the response broke off in the middle: the target ended it or paused for too long, or a transformer
	// failed. ErrReceive is wrapped too when it was a transformer of the request. The exchange is aborted already.
	ErrBroken = errors.New("the target broke off its answer")
)

// Upstream is one target with the connections to it that are not in use. It is safe for concurrent use.
type Upstream struct {
	engine  *Engine
	scheme  Scheme
	address string
	http2   http2Client

	cancellation cancellation
	known        known

	mu sync.Mutex
	// idle are the connections that are not in use, the one used last at the end; observed are those that are not used
	// again before it is seen whether anything follows the response, the oldest first.
	idle, observed []*link
	// pins are those that belong to one client's connection.
	pinned map[*pins]*link
	closed bool
}

// Upstream makes the target at that host:port. Who drops it calls Close.
func (e *Engine) Upstream(scheme Scheme, address string) *Upstream {
	u := &Upstream{engine: e, scheme: scheme, address: address}
	if scheme == H2C {
		u.http2.prepare(u)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.upstreams[u] = struct{}{}
	return u
}

// Close closes the connections that are not in use. Exchanges under way finish, and close theirs.
func (u *Upstream) Close() {
	u.engine.mu.Lock()
	delete(u.engine.upstreams, u)
	u.engine.mu.Unlock()
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.clear()
}

// clear closes the connections that are not in use.
func (u *Upstream) clear() {
	u.mu.Lock()
	unused := slices.Concat(u.idle, u.observed, slices.Collect(maps.Values(u.pinned)))
	u.idle, u.observed = nil, nil
	clear(u.pinned)
	u.mu.Unlock()
	for _, l := range unused {
		l.close()
	}
	if u.scheme == H2C {
		u.http2.transport.CloseIdleConnections()
	}
}

// closing reports that no connection is to be kept.
func (u *Upstream) closing() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.closingLocked()
}

func (u *Upstream) closingLocked() bool { return u.closed || u.cancellation.draining() }

// link is one connection to a target.
type link struct {
	upstream *Upstream
	sock     *socket.Socket
	// stream is the socket, or the TLS connection on it.
	stream net.Conn
	// transport is what TLS reads from, nil without.
	transport *belowTLS
	// used reports that an exchange went over it before.
	used bool
	// owner is the client's connection that it belongs to, nil for none.
	owner *pins
	// client is the address of who authenticated on it, if it has an owner.
	client string
	// since is when it was observed first.
	since        time.Time
	responseWait responseWait
	peeked       [len("HTTP/1.1 408")]byte
}

// plain reports that bytes go over the socket as they are.
func (l *link) plain() bool { return l.stream == net.Conn(l.sock) }

func (l *link) close() { _ = l.stream.Close() }

// take returns the unused connection that was used last, or nil when there is none.
func (u *Upstream) take() *link {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.promoteObserved()
	for len(u.idle) > 0 {
		last := len(u.idle) - 1
		l := u.idle[last]
		u.idle[last] = nil
		u.idle = u.idle[:last]
		// From here on the watch does not end it; it may have done so until now.
		l.sock.Within(0)
		if !l.sock.Interrupted() {
			return l
		}
		l.close()
	}
	return nil
}

// keep takes a connection back that can be used again.
func (u *Upstream) keep(l *link) {
	l.used = true
	trust := u.reuse()
	if trust == unproven {
		l.since = time.Now()
		l.sock.Within(u.engine.config.Quiet)
	} else {
		l.sock.Within(u.engine.config.Keep)
	}
	u.mu.Lock()
	full := trust == unusable || u.closingLocked() || len(u.idle)+len(u.observed) >= u.engine.config.Kept || u.engine.draining.Load() || l.sock.Interrupted()
	switch {
	case full:
	case trust == unproven:
		if full = len(u.observed) >= maxObserved; !full {
			u.observed = append(u.observed, l)
		}
	default:
		u.idle = append(u.idle, l)
	}
	u.mu.Unlock()
	if full {
		l.close()
	}
}

// forget closes a connection that was not used for too long, or was observed for long enough. One that is in use is not
// touched.
func (u *Upstream) forget(l *link) {
	u.mu.Lock()
	there := remove(&u.idle, l)
	if remove(&u.observed, l) {
		there = true
		u.classify(l)
	}
	if l.owner != nil && u.pinned[l.owner] == l {
		there = true
		delete(u.pinned, l.owner)
	}
	u.mu.Unlock()
	if there {
		l.close()
	}
}

// remove takes a connection out of a list. It reports whether it was there.
func remove(links *[]*link, l *link) bool {
	at := slices.Index(*links, l)
	if at >= 0 {
		*links = slices.Delete(*links, at, at+1)
	}
	return at >= 0
}

// dial opens a connection, within that time if it is more than 0, and as much for TLS. The error wraps ErrConnect.
func (u *Upstream) dial(within time.Duration) (*link, error) {
	e := u.engine
	dialer := net.Dialer{Timeout: within}
	ctx, done := u.cancellation.withCancel(e.base)
	defer done()
	raw, err := dialer.DialContext(ctx, "tcp", u.address)
	if err != nil {
		return nil, unreachable(canceledError(ctx, err))
	}
	l := &link{upstream: u, sock: socket.New(raw, e.watch)}
	l.sock.InterruptWhen(l.mustInterrupt)
	l.sock.WriteTimeout(e.config.Response)
	l.sock.OnDue(func() { u.forget(l) })
	l.stream = l.sock
	if u.scheme != HTTPS {
		return l, nil
	}
	l.transport = &belowTLS{Socket: l.sock}
	secured := tls.Client(l.transport, clientTLS(u.address))
	l.stream = secured
	if within > 0 {
		bounded, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		ctx = bounded
	}
	if err := secured.HandshakeContext(ctx); err != nil {
		l.close()
		return nil, unreachable(fmt.Errorf("doing the TLS handshake: %w", err))
	}
	return l, nil
}

// belowTLS is a connection below TLS. The library takes its end for that of what TLS carries, also when TLS did not say so
// (RFC 8446 section 6.1): anybody on the way could have cut it off there.
type belowTLS struct {
	*socket.Socket
	ended bool
}

// Read implements io.Reader.
func (u *belowTLS) Read(p []byte) (int, error) {
	n, err := u.Socket.Read(p)
	u.ended = u.ended || err == io.EOF
	return n, err
}

// cutOff reports that the connection ended and TLS did not.
func (l *link) cutOff() bool { return l.transport != nil && l.transport.ended }

// clientTLS is how HTTPS targets are spoken to, see Scheme.
func clientTLS(address string) *tls.Config {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	return &tls.Config{ServerName: host, InsecureSkipVerify: true} //nolint:gosec // Scheme says why.
}

func unreachable(err error) error {
	if timedOut(err) {
		return fmt.Errorf("%w: %w: %w", ErrConnect, ErrTimeout, err)
	}
	return fmt.Errorf("%w: %w", ErrConnect, err)
}

func timedOut(err error) bool {
	var late net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout()
}
