// Package socket is TCP as the engine uses it: reads and writes that cost one system call, one wait for an answer after
// a request, and timeouts that cost an atomic store. It knows nothing of HTTP. On Linux it talks to the kernel from
// within the runtime's poller callbacks; elsewhere, and with the build tag "portable", it uses the net package alone,
// and both pass the same tests.
package socket

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

var (
	// ErrAgain says that there is nothing to read now. Only TryRead returns it, and only inside of Loop.
	ErrAgain = errors.New("nothing to read yet")
	// ErrStale says that a kept connection was closed, or spoke out of turn, before it was used again. Nothing was sent.
	ErrStale = errors.New("the connection was closed before it was used")
)

// Socket is one TCP connection. One goroutine may read while another writes; the methods that say so may be called by
// anyone. It implements net.Conn but for deadlines, which are the watch's.
type Socket struct {
	conn  net.Conn
	watch *Watch
	// due is when the watch interrupts the socket, in its ticks: 0 is never, tripped that it did.
	due atomic.Int64
	// leash holds what is interrupted when this socket's peer goes away.
	leash atomic.Pointer[Socket]
	// place is the socket's index in the watch, guarded by the watch.
	place int
	// patience is for writes that have to wait.
	patience time.Duration
	// expired is called when the watch interrupts the socket, see OnDue; alarm by Interrupt, see Alarm.
	expired, alarm func()
	fast
}

// tripped is the due time of a socket that was interrupted.
const tripped = -1

// cut stands in a leash for a socket that was interrupted through it.
var cut Socket

// New takes over an open connection, whose timeouts the watch minds from now on. Close closes it.
func New(conn net.Conn, w *Watch) *Socket {
	s := &Socket{conn: conn, watch: w}
	s.bind()
	w.add(s)
	return s
}

// Alarm returns what can be put on a leash in place of a socket: it has no connection, and Interrupt calls the function.
func Alarm(interrupt func()) *Socket { return &Socket{alarm: interrupt} }

// Close closes the connection. It may be called more than once, and by anyone but inside of Loop, where it would wait for
// itself.
func (s *Socket) Close() error {
	s.watch.remove(s)
	return s.conn.Close()
}

// Reset closes the connection so that the peer sees it break off (RFC 9293 section 3.5), and not end.
func (s *Socket) Reset() {
	if tcp, ok := s.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.Close()
}

// CloseWrite ends what this side sends.
func (s *Socket) CloseWrite() error {
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Within gives whatever is awaited next that much time. 0 or less is any time. It holds until it is called again.
func (s *Socket) Within(d time.Duration) {
	due := int64(0)
	if d > 0 {
		due = s.watch.after(d)
	}
	for {
		old := s.due.Load()
		if old == tripped || old == due || s.due.CompareAndSwap(old, due) {
			return
		}
	}
}

// Patience is how long a Write may have to wait for the peer to take anything; the time for what is awaited otherwise
// then is not bounded until Within is called again. It is set before the socket is used; 0 is any time.
func (s *Socket) Patience(d time.Duration) { s.patience = d }

// Interrupt makes all waiting end, now and for good, with os.ErrDeadlineExceeded. It may be called by anyone.
func (s *Socket) Interrupt() {
	s.due.Store(tripped)
	if s.alarm != nil {
		s.alarm()
		return
	}
	_ = s.conn.SetDeadline(longAgo)
}

// Interrupted reports whether the socket was interrupted, by a timeout or by Interrupt.
func (s *Socket) Interrupted() bool { return s.due.Load() == tripped }

var longAgo = time.Unix(1, 0)

// Nudge makes a Read by another goroutine return once, with os.ErrDeadlineExceeded; Settle makes reads work again.
func (s *Socket) Nudge() { _ = s.conn.SetReadDeadline(longAgo) }

// Settle ends what Nudge began. It is called when the other goroutine has stopped to read.
func (s *Socket) Settle() {
	_ = s.conn.SetReadDeadline(time.Time{})
	if s.Interrupted() {
		_ = s.conn.SetDeadline(longAgo)
	}
}

// Leash interrupts to as soon as it shows that the peer of s has closed the connection, until Unleash. Systems that
// cannot tell never do.
func (s *Socket) Leash(to *Socket) { s.leash.Store(to) }

// Unleash ends Leash. It reports whether the peer was gone: the other socket is then interrupted, or will be.
func (s *Socket) Unleash() (gone bool) { return s.leash.Swap(nil) == &cut }

// Slipped reports that the peer was gone and that what is on the leash was interrupted for it.
func (s *Socket) Slipped() bool { return s.leash.Load() == &cut }

// Cut interrupts the socket and what it has on its leash. It may be called by anyone.
func (s *Socket) Cut() {
	s.Interrupt()
	if to := s.leash.Load(); to != nil {
		s.pull(to)
	}
}

// pull interrupts what is on the leash, unless it was let off in this moment.
func (s *Socket) pull(to *Socket) {
	if to != &cut && s.leash.CompareAndSwap(to, &cut) {
		to.Interrupt()
	}
}

// look finds out whether the peer is gone while nobody reads, and then ends the waiting. It is the watch's.
func (s *Socket) look() {
	to := s.leash.Load()
	if to == nil && !s.doubtful() || !s.hungUp() {
		return
	}
	if to == nil {
		s.Interrupt()
		return
	}
	s.pull(to)
}

// OnDue has the function called when the watch interrupts the socket because its time is up. It is set before the
// socket is used.
func (s *Socket) OnDue(expired func()) { s.expired = expired }

// Receive moves up to n bytes from another socket to this one, by splice(2) where there is one, and returns how many it
// moved. The error is io.EOF when from ended before; otherwise tell by Interrupted whose it was.
func (s *Socket) Receive(from *Socket, n int64) (int64, error) {
	to, ok := s.conn.(io.ReaderFrom)
	if !ok {
		return io.CopyN(s.conn, from.conn, n)
	}
	moved, err := to.ReadFrom(&io.LimitedReader{R: from.conn, N: n})
	if err == nil && moved < n {
		err = io.EOF
	}
	return moved, err
}

// LocalAddr implements net.Conn.
func (s *Socket) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (s *Socket) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// SetDeadline implements net.Conn for the standard library's TLS and HTTP/2.
func (s *Socket) SetDeadline(t time.Time) error { return s.guarded(t, s.conn.SetDeadline) }

// SetReadDeadline implements net.Conn.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.guarded(t, s.conn.SetReadDeadline) }

// SetWriteDeadline implements net.Conn.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.guarded(t, s.conn.SetWriteDeadline) }

// guarded sets a deadline, unless that would undo an interruption.
func (s *Socket) guarded(t time.Time, set func(time.Time) error) error {
	err := set(t)
	if s.Interrupted() {
		return s.conn.SetDeadline(longAgo)
	}
	return err
}
