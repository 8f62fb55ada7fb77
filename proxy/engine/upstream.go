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

// Errors of Forward.
var (
	// ErrConnect says that the target could not be reached; ErrTimeout is wrapped too if that took longer than
	// Timeouts.Connect. Nothing was sent to it and nothing of the request's body was read, so another one may be tried.
	ErrConnect = errors.New("cannot connect to the target")
	// ErrTimeout says that the target took longer than Timeouts.Connect, Response or Total before its response began.
	ErrTimeout = errors.New("the target did not respond in time")
	// ErrResponse says that the target closed or reset the connection, sent an invalid response, or switched to a
	// protocol that the client did not ask for. Nothing of the response was sent to the client.
	ErrResponse = errors.New("the target sent no valid response")
	// ErrDeclined says that the hooks did not accept the response. Nothing of it was sent to the client.
	ErrDeclined = errors.New("the target's response was declined")
	// ErrRequest says that the body of the client's request is malformed.
	ErrRequest = errors.New("the request cannot be read")
	// ErrReceive says that a transformer of Exchange.Receive failed; its error is wrapped too. The target got a part of
	// the request, so that no other one may be tried.
	ErrReceive = errors.New("the request's body was refused on its way")
	// ErrDisconnected says that the client disconnected, aborted the body or was too slow, and needs no response.
	// ErrRequest is wrapped too if the body was malformed and the response had begun.
	ErrDisconnected = errors.New("the client disconnected")
	// ErrBroken says that the response is truncated: the target ended it or paused for too long, or a transformer
	// failed. ErrReceive is wrapped too if that was a transformer of the request. The exchange is aborted already.
	ErrBroken = errors.New("the target truncated its response")
)

// Upstream is one target with its unused connections. It is safe for concurrent use.
type Upstream struct {
	engine  *Engine
	scheme  Scheme
	address string
	http2   http2Client

	cancellation cancellation
	known        known

	mu sync.Mutex
	// idle are the unused connections, the one used last at the end; observed are those that are not reused before it
	// is known whether anything follows the response, the oldest first.
	idle, observed []*link
	// pinned are the connections that belong to one client's connection.
	pinned map[*pins]*link
	closed bool
}

// Upstream returns a target at that host:port. Close releases it.
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

// Close closes the unused connections. Exchanges under way finish and then close theirs.
func (u *Upstream) Close() {
	u.engine.mu.Lock()
	delete(u.engine.upstreams, u)
	u.engine.mu.Unlock()
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.clear()
}

// clear closes the unused connections.
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

// closing reports that no connections are kept any more.
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
	// transport is what TLS reads from, nil without TLS.
	transport *belowTLS
	// used reports that it has served an exchange.
	used bool
	// owner is the client's connection that it is pinned to, nil for none.
	owner *pins
	// client is the address of the client that authenticated on it, if it has an owner.
	client string
	// since is when it was first observed.
	since        time.Time
	responseWait responseWait
	peeked       [len("HTTP/1.1 408")]byte
}

// plain reports a connection without TLS.
func (l *link) plain() bool { return l.stream == net.Conn(l.sock) }

func (l *link) close() { _ = l.stream.Close() }

// take returns the unused connection that was used last, nil when there is none.
func (u *Upstream) take() *link {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.promoteObserved()
	for len(u.idle) > 0 {
		last := len(u.idle) - 1
		l := u.idle[last]
		u.idle[last] = nil
		u.idle = u.idle[:last]
		// From here on the watch does not close it; it may have done so before.
		l.sock.Within(0)
		if !l.sock.Interrupted() {
			return l
		}
		l.close()
	}
	return nil
}

// keep keeps a connection that can be reused.
func (u *Upstream) keep(l *link) {
	l.used = true
	reuse := u.reuse()
	if reuse == unproven {
		l.since = time.Now()
		l.sock.Within(u.engine.config.Quiet)
	} else {
		l.sock.Within(u.engine.config.Keep)
	}
	u.mu.Lock()
	full := reuse == unusable || u.closingLocked() || len(u.idle)+len(u.observed) >= u.engine.config.Kept || u.engine.draining.Load() || l.sock.Interrupted()
	switch {
	case full:
	case reuse == unproven:
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

// forget closes a connection that was unused for too long, or observed for long enough, unless it is in use.
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

// remove removes a connection from a list. It reports whether it was there.
func remove(links *[]*link, l *link) bool {
	at := slices.Index(*links, l)
	if at >= 0 {
		*links = slices.Delete(*links, at, at+1)
	}
	return at >= 0
}

// dial opens a connection, within that time if it is more than 0, and the same again for TLS. The error wraps
// ErrConnect.
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

// belowTLS is a connection below TLS. The library takes its end for the end of the TLS stream, even without the alert
// for that (RFC 8446 section 6.1), so that an attacker could truncate the stream.
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

// cutOff reports that the connection ended without the end of TLS.
func (l *link) cutOff() bool { return l.transport != nil && l.transport.ended }

// clientTLS is the TLS configuration for HTTPS targets, see Scheme.
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
