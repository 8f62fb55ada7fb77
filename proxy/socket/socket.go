// Package socket is TCP as the engine uses it: reads and writes that cost one system call, one wait for a response after
// a request, and timeouts that cost an atomic store. It knows nothing of HTTP. On Linux it talks to the kernel from
// within the runtime's poller callbacks; elsewhere, and with the build tag "portable", it uses the net package alone,
// and both pass the same tests.
package socket

import (
	"errors"
	"net"
	"sync/atomic"
)

var (
	// ErrAgain says that there is nothing to read now. Only TryRead returns it, and only inside of Loop.
	ErrAgain = errors.New("nothing to read yet")
	// ErrStale says that a kept connection was closed, or spoke out of turn, before it was used again. Nothing was sent.
	ErrStale = errors.New("the connection was closed before it was used")
	// ErrPart says that Ask left a part to be written, or all of it.
	ErrPart = errors.New("the rest is to be written")
)

// Socket is one TCP connection. One goroutine may read while another writes; the methods that say so may be called by
// anyone. It implements net.Conn.
type Socket struct {
	line
	clock
	minded atomic.Pointer[func() bool]
	// departure is the peer's. patient reports that a peer which has ended its side only is still there, since it may read
	// on, and probed that such a peer is asked more often whether it is there, which is the watch's.
	departure Departure
	patient   atomic.Bool
	probed    bool
	// interruption is the socket's own.
	interruption Interruption
}

// New takes over an open connection, whose timeouts the watch minds from now on. Close closes it.
func New(conn net.Conn, w *Watch) *Socket {
	s := &Socket{line: line{conn: conn}, clock: clock{conn: conn, watch: w}}
	s.socket, s.interruption.socket = s, s
	s.visit.Store(never)
	s.bind(&s.clock)
	return s
}

// Close closes the connection. It may be called more than once, and by anyone but inside of Loop, where it would wait for
// itself.
func (s *Socket) Close() error {
	s.watch.remove(s)
	return s.line.conn.Close()
}

// Reset closes the connection so that the peer sees it break off (RFC 9293 section 3.5), and not end.
func (s *Socket) Reset() {
	if tcp, ok := s.line.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.Close()
}

// CloseWrite ends what this side sends.
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

// Cut interrupts the socket and what waits for its peer. It may be called by anyone.
func (s *Socket) Cut() {
	s.Interrupt()
	s.departure.Signal()
}

// Interruption is what interrupts the socket, for the Notify of another one.
func (s *Socket) Interruption() *Interruption { return &s.interruption }

// Mind has the function called with each tick of the watch; the socket is interrupted when it returns true.
func (s *Socket) Mind(doomed func() bool) {
	s.minded.Store(&doomed)
	s.watch.soon(s)
}

// NotifyClosed interrupts waiting as soon as it shows that the peer has closed the connection, until StopNotify. Systems
// that cannot tell never do.
func (s *Socket) NotifyClosed(waiting *Interruption) { s.notify(waiting, false) }

// NotifyBroken is NotifyClosed for a peer that may end its side and read on: waiting is interrupted when the connection has
// broken, as it does soon after something is sent to a peer that is gone. One that is gone and is sent nothing is found by
// keep-alive probes: its system answers these for as long as it remembers the connection, a minute most often.
func (s *Socket) NotifyBroken(waiting *Interruption) { s.notify(waiting, true) }

func (s *Socket) notify(waiting *Interruption, patient bool) {
	s.patient.Store(patient)
	s.departure.Notify(waiting)
	s.watch.soon(s)
}

// StopNotify ends NotifyClosed and NotifyBroken, as Departure.Stop does.
func (s *Socket) StopNotify() (gone bool) { return s.departure.Stop() }

// Gone reports that the peer was gone and that what waited was interrupted for it.
func (s *Socket) Gone() bool { return s.departure.Gone() }

// wanted is the tick in which the watch has to look at the socket next. It is the watch's.
func (s *Socket) wanted(now int64) int64 {
	tick := int64(never)
	for _, due := range []int64{s.due.Load(), s.writeDue.Load()} {
		if due > 0 {
			tick = min(tick, due)
		}
	}
	if s.departure.awaited() || s.minded.Load() != nil && !s.Interrupted() {
		tick = min(tick, now+1)
	}
	return tick
}

// look finds out whether the peer is gone while nobody reads, and then ends the waiting. It is the watch's.
func (s *Socket) look() {
	if doomed := s.minded.Load(); doomed != nil && !s.Interrupted() && (*doomed)() {
		s.Interrupt()
		return
	}
	unwatched := s.departure.waiting.Load() == nil
	if unwatched && !s.doubtful() {
		return
	}
	switch ended, broken := s.hungUp(); {
	case !ended && !broken:
	case unwatched:
		s.Interrupt()
	case broken || !s.patient.Load():
		s.departure.Signal()
	case !s.probed:
		s.probed = true
		s.probe()
	}
}
