package socket

import (
	"net"
	"sync/atomic"
	"time"
)

// clock bounds how long a socket waits.
type clock struct {
	seat
	conn  net.Conn
	watch *Watch
	// due is when the watch interrupts the socket, in its ticks: 0 is never, tripped that it did. writeDue is the same of a
	// write that has to wait, and 0 while none does.
	due, writeDue atomic.Int64
	// expired is called when the watch interrupts the socket, see OnDue.
	expired func()
	// patience is for writes that have to wait.
	patience time.Duration
}

// tripped is the due time of a socket that was interrupted.
const tripped = -1

var longAgo = time.Unix(1, 0)

// Within gives whatever is awaited next that much time, but for a Write, which has Patience. 0 or less is any time. It
// holds until it is called again. It may be called by anyone.
func (c *clock) Within(d time.Duration) {
	due := int64(0)
	if d > 0 {
		due = c.watch.after(d)
	}
	for {
		old := c.due.Load()
		if old == tripped || old == due {
			return
		}
		if c.due.CompareAndSwap(old, due) {
			break
		}
	}
	if due > 0 {
		c.watch.meet(c.socket, due)
	}
}

// Patience is how long a Write may have to wait for the peer to take anything. It is set before the socket is used; 0 is
// any time. What Within says goes on meanwhile.
func (c *clock) Patience(d time.Duration) { c.patience = d }

// OnDue has the function called when the watch interrupts the socket because its time is up. It is set before the
// socket is used.
func (c *clock) OnDue(expired func()) { c.expired = expired }

// Interrupt makes all waiting end, now and for good, with os.ErrDeadlineExceeded. It may be called by anyone.
func (c *clock) Interrupt() {
	c.due.Store(tripped)
	_ = c.conn.SetDeadline(longAgo)
}

// Interrupted reports whether the socket was interrupted, by a timeout or by Interrupt.
func (c *clock) Interrupted() bool { return c.due.Load() == tripped }

// InterruptRead makes a Read by another goroutine return, with os.ErrDeadlineExceeded; ResumeRead makes reads work again.
func (c *clock) InterruptRead() { _ = c.conn.SetReadDeadline(longAgo) }

// ResumeRead ends what InterruptRead began. It is called when the other goroutine has stopped to read.
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

// strike interrupts the socket if it is due, and reports whether it did. It is the watch's.
func (c *clock) strike(now int64) bool {
	if !c.overdue(now) {
		return false
	}
	c.Interrupt()
	if c.expired != nil {
		c.expired()
	}
	return true
}

// overdue reports, once, that the time of either direction is up.
func (c *clock) overdue(now int64) bool {
	if due := c.due.Load(); due > 0 && due <= now {
		return c.due.CompareAndSwap(due, tripped)
	}
	due := c.writeDue.Load()
	return due > 0 && due <= now && c.writeDue.CompareAndSwap(due, 0) && c.due.Swap(tripped) != tripped
}

// stall is a write that had to wait. It has the clock's patience each time.
type stall struct{ on bool }

func (w *stall) begin(c *clock) {
	if c.patience > 0 {
		w.on = true
		due := c.watch.after(c.patience)
		c.writeDue.Store(due)
		c.watch.meet(c.socket, due)
	}
}

func (w *stall) end(c *clock) {
	if w.on {
		w.on = false
		c.writeDue.Store(0)
	}
}
