// Package socket is TCP as the engine uses it: reads and writes that cost one system call, one wait for a response after
// a request, and timeouts that cost an atomic store. It knows nothing of HTTP. On Linux it makes system calls within the
// callbacks of the runtime's poller; elsewhere, and with the build tag "portable", it uses only the net package. Both pass
// the same tests.
package socket

import (
	"errors"
	"net"
	"sync/atomic"
)

var (
	// ErrAgain says that there is nothing to read now. Only TryRead returns it, and only within Loop.
	ErrAgain = errors.New("nothing to read yet")
	// ErrStale says that the peer closed a kept connection, or sent unsolicited bytes, before it was used again. Nothing was
	// sent to it.
	ErrStale = errors.New("the connection was closed before it was used")
	// ErrPart says that Ask did not write everything.
	ErrPart = errors.New("the rest is to be written")
)

// Socket is one TCP connection. One goroutine may read while another one writes; some methods are safe for concurrent use and
// say so. It implements net.Conn.
type Socket struct {
	line
	clock
	condition atomic.Pointer[func() bool]
	// notifier waits for the peer to disconnect. halfClose reports that a peer which has only ended its side counts as
	// connected, since it may still read. probed reports that such a peer is probed more often; only the watch uses it.
	notifier  Notifier
	halfClose atomic.Bool
	probed    bool
	// interruption is that of the socket.
	interruption Interruption
}

// New takes over an open connection, whose timeouts the watch enforces. Close closes it.
func New(conn net.Conn, w *Watch) *Socket {
	s := &Socket{line: line{conn: conn}, clock: clock{conn: conn, watch: w}}
	s.socket, s.interruption.socket = s, s
	s.checkAt.Store(never)
	s.bind(&s.clock)
	return s
}

// Close closes the connection. It is safe for concurrent use and may be called more than once, but not within Loop, where it
// would wait for itself.
func (s *Socket) Close() error {
	s.watch.remove(s)
	return s.line.conn.Close()
}

// Reset closes the connection with a reset (RFC 9293 section 3.5), so that the peer does not take it for the end.
func (s *Socket) Reset() {
	if tcp, ok := s.line.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.Close()
}

// CloseWrite ends the stream that this side sends.
func (s *Socket) CloseWrite() error {
	if half, ok := s.line.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// LocalAddr implements net.Conn.
func (s *Socket) LocalAddr() net.Addr { return s.line.conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (s *Socket) RemoteAddr() net.Addr { return s.line.conn.RemoteAddr() }

// Cut interrupts the socket and what waits for its peer. It is safe for concurrent use.
func (s *Socket) Cut() {
	s.Interrupt()
	s.notifier.Signal()
}

// Interruption interrupts the socket. It is for the Notify methods of another one.
func (s *Socket) Interruption() *Interruption { return &s.interruption }

// InterruptWhen sets a function that the watch calls in each tick: once it returns true, the socket is interrupted.
func (s *Socket) InterruptWhen(condition func() bool) {
	s.condition.Store(&condition)
	s.watch.checkSoon(s)
}

// NotifyClosed interrupts waiting once the peer has closed the connection or its side, until StopNotify. Systems that cannot
// tell never do.
func (s *Socket) NotifyClosed(waiting *Interruption) { s.notify(waiting, false) }

// NotifyBroken is NotifyClosed for a peer that may end its side and still read: it interrupts waiting once the connection is
// broken, which happens soon after something is sent to a peer that has disconnected. If nothing is sent, keep-alive probes
// detect it: the peer's system responds to them as long as it remembers the connection, usually a minute.
func (s *Socket) NotifyBroken(waiting *Interruption) { s.notify(waiting, true) }

func (s *Socket) notify(waiting *Interruption, halfClose bool) {
	s.halfClose.Store(halfClose)
	s.notifier.Notify(waiting)
	s.watch.checkSoon(s)
}

// StopNotify ends NotifyClosed and NotifyBroken, as Notifier.Stop does.
func (s *Socket) StopNotify() (disconnected bool) { return s.notifier.Stop() }

// Disconnected reports that the peer had disconnected and that what waited was interrupted for it.
func (s *Socket) Disconnected() bool { return s.notifier.Disconnected() }

// nextCheck is the tick in which the watch has to check the socket next. Only the watch calls it.
func (s *Socket) nextCheck(now int64) int64 {
	tick := int64(never)
	for _, due := range []int64{s.due.Load(), s.writeDue.Load()} {
		if due > 0 {
			tick = min(tick, due)
		}
	}
	if s.notifier.pending() || s.condition.Load() != nil && !s.Interrupted() {
		tick = min(tick, now+1)
	}
	return tick
}

// check interrupts what waits if the peer has disconnected while nothing reads. Only the watch calls it.
func (s *Socket) check() {
	if condition := s.condition.Load(); condition != nil && !s.Interrupted() && (*condition)() {
		s.Interrupt()
		return
	}
	unwatched := s.notifier.waiting.Load() == nil
	if unwatched && !s.takeDoubt() {
		return
	}
	switch ended, broken := s.hungUp(); {
	case !ended && !broken:
	case unwatched:
		s.Interrupt()
	case broken || !s.halfClose.Load():
		s.notifier.Signal()
	case !s.probed:
		s.probed = true
		s.probe()
	}
}
