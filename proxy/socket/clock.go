package socket

import (
	"net"
	"sync/atomic"
	"time"
)

// clock has the timeouts of a socket.
type clock struct {
	wheelEntry
	conn  net.Conn
	watch *Watch
	// due is the tick of the watch that interrupts the socket, 0 for never; it is interrupted once that has happened. writeDue
	// is that of a write that waits, 0 while none does.
	due, writeDue atomic.Int64
	// expired is called when the watch interrupts the socket, see OnDue.
	expired func()
	// writeTimeout is that of writes that wait.
	writeTimeout time.Duration
}

// interrupted is the due time of a socket that was interrupted.
const interrupted = -1

var longAgo = time.Unix(1, 0)

// Within limits the time of all following waits together, except those of Write, which have WriteTimeout. 0 or less is no
// limit. It applies until the next call. It is safe for concurrent use.
func (c *clock) Within(d time.Duration) {
	due := int64(0)
	if d > 0 {
		due = c.watch.after(d)
	}
	for {
		old := c.due.Load()
		if old == interrupted || old == due {
			return
		}
		if c.due.CompareAndSwap(old, due) {
			break
		}
	}
	if due > 0 {
		c.watch.checkBy(c.socket, due)
	}
}

// WriteTimeout sets how long a Write may wait for the peer to accept anything; 0 is no limit. It is called before the socket
// is used. The time of Within runs on meanwhile.
func (c *clock) WriteTimeout(d time.Duration) { c.writeTimeout = d }

// OnDue sets a function that is called when the watch interrupts the socket because its time is over. It is called before
// the socket is used.
func (c *clock) OnDue(expired func()) { c.expired = expired }

// Interrupt ends all waits, now and in the future, with os.ErrDeadlineExceeded. It is safe for concurrent use.
func (c *clock) Interrupt() {
	c.due.Store(interrupted)
	_ = c.conn.SetDeadline(longAgo)
}

// Interrupted reports whether the socket was interrupted, by a timeout or by Interrupt.
func (c *clock) Interrupted() bool { return c.due.Load() == interrupted }

// InterruptRead makes a Read of another goroutine return os.ErrDeadlineExceeded, until ResumeRead.
func (c *clock) InterruptRead() { _ = c.conn.SetReadDeadline(longAgo) }

// ResumeRead undoes InterruptRead. It is called once the other goroutine has stopped reading.
func (c *clock) ResumeRead() { _ = c.SetReadDeadline(time.Time{}) }

// SetDeadline implements net.Conn for the standard library's TLS and HTTP/2.
func (c *clock) SetDeadline(t time.Time) error { return c.guarded(t, c.conn.SetDeadline) }

// SetReadDeadline implements net.Conn.
func (c *clock) SetReadDeadline(t time.Time) error { return c.guarded(t, c.conn.SetReadDeadline) }

// SetWriteDeadline implements net.Conn.
func (c *clock) SetWriteDeadline(t time.Time) error { return c.guarded(t, c.conn.SetWriteDeadline) }

// guarded sets a deadline, unless that would undo an interruption.
func (c *clock) guarded(t time.Time, set func(time.Time) error) error {
	err := set(t)
	if c.Interrupted() {
		return c.conn.SetDeadline(longAgo)
	}
	return err
}

// interruptDue interrupts the socket if it is due, and reports whether it did. Only the watch calls it.
func (c *clock) interruptDue(now int64) bool {
	if !c.overdue(now) {
		return false
	}
	c.Interrupt()
	if c.expired != nil {
		c.expired()
	}
	return true
}

// overdue reports, once, that the time of either direction is over.
func (c *clock) overdue(now int64) bool {
	if due := c.due.Load(); due > 0 && due <= now {
		return c.due.CompareAndSwap(due, interrupted)
	}
	due := c.writeDue.Load()
	return due > 0 && due <= now && c.writeDue.CompareAndSwap(due, 0) && c.due.Swap(interrupted) != interrupted
}

// stall is a wait within a write. Each has the write timeout of the clock.
type stall struct{ on bool }

func (w *stall) begin(c *clock) {
	if c.writeTimeout > 0 {
		w.on = true
		due := c.watch.after(c.writeTimeout)
		c.writeDue.Store(due)
		c.watch.checkBy(c.socket, due)
	}
}

func (w *stall) end(c *clock) {
	if w.on {
		w.on = false
		c.writeDue.Store(0)
	}
}
