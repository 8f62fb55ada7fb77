// Package socket is TCP as the engine uses it: reads and writes that cost one system call, one wait for an answer after
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
	tether
	minded atomic.Pointer[func() bool]
}

// New takes over an open connection, whose timeouts the watch minds from now on. Close closes it.
func New(conn net.Conn, w *Watch) *Socket {
	s := &Socket{line: line{conn: conn}, clock: clock{conn: conn, watch: w}}
	s.socket = s
	s.visit.Store(never)
	s.bind(&s.clock)
	return s
}

// Alarm returns what can be put on a leash in place of a socket: it has no connection, and Interrupt calls the function.
func Alarm(interrupt func()) *Socket { return &Socket{clock: clock{alarm: interrupt}} }

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

// Cut interrupts the socket and what it has on its leash. It may be called by anyone.
func (s *Socket) Cut() {
	s.Interrupt()
	if to := s.to.Load(); to != nil {
		s.pull(to)
	}
}

// Mind has the function called with each tick of the watch; the socket is interrupted when it returns true.
func (s *Socket) Mind(doomed func() bool) {
	s.minded.Store(&doomed)
	s.watch.soon(s)
}

// Leash interrupts to as soon as it shows that the peer has closed the connection, until Unleash. Systems that cannot
// tell never do.
func (s *Socket) Leash(to *Socket) { s.leash(to, false) }

// LeashPatiently is Leash for a peer that may end its side and read on: to is interrupted when the connection has broken,
// as it does soon after something is sent to a peer that is gone. One that is gone and is sent nothing is found out by
// keep-alive probes: its system answers these for as long as it remembers the connection, a minute most often.
func (s *Socket) LeashPatiently(to *Socket) { s.leash(to, true) }

func (s *Socket) leash(to *Socket, patient bool) {
	s.patient.Store(patient)
	s.to.Store(to)
	s.watch.soon(s)
}

// wanted is the tick in which the watch has to look at the socket next. It is the watch's.
func (s *Socket) wanted(now int64) int64 {
	tick := int64(never)
	for _, due := range []int64{s.due.Load(), s.writeDue.Load()} {
		if due > 0 {
			tick = min(tick, due)
		}
	}
	if to := s.to.Load(); to != nil && to != &cut || s.minded.Load() != nil && !s.Interrupted() {
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
	to := s.to.Load()
	if to == nil && !s.doubtful() {
		return
	}
	switch ended, broken := s.hungUp(); {
	case !ended && !broken:
	case to == nil:
		s.Interrupt()
	case broken || !s.patient.Load():
		s.pull(to)
	case !s.probed:
		s.probed = true
		s.probe()
	}
}
