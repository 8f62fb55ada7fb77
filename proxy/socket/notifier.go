package socket

import "sync/atomic"

// Interruption ends all waits of one side, now and in the future: those of a socket, see Socket.Interruption, or those that a
// function ends.
type Interruption struct {
	socket *Socket
	end    func()
}

// NewInterruption returns an interruption that calls the function.
func NewInterruption(end func()) *Interruption { return &Interruption{end: end} }

// Interrupt ends the waits. It is safe for concurrent use, and may be called more than once.
func (i *Interruption) Interrupt() {
	if i.socket != nil {
		i.socket.Interrupt()
		return
	}
	i.end()
}

// Notifier interrupts a side that waits once the peer has disconnected. The zero value interrupts nothing. Its methods are
// safe for concurrent use.
type Notifier struct {
	// waiting is nil when nothing waits, and signaled once it was interrupted.
	waiting atomic.Pointer[Interruption]
}

// signaled takes the place of an Interruption that was interrupted.
var signaled Interruption

// Notify interrupts waiting when the peer disconnects, until Stop.
func (n *Notifier) Notify(waiting *Interruption) { n.waiting.Store(waiting) }

// Stop ends Notify. It reports whether the peer had disconnected: the other side is then interrupted, or will be.
func (n *Notifier) Stop() (disconnected bool) { return n.waiting.Swap(nil) == &signaled }

// Disconnected reports that the peer had disconnected and that the other side was interrupted for it.
func (n *Notifier) Disconnected() bool { return n.waiting.Load() == &signaled }

// Signal notes that the peer has disconnected.
func (n *Notifier) Signal() {
	if waiting := n.waiting.Load(); waiting != nil && waiting != &signaled && n.waiting.CompareAndSwap(waiting, &signaled) {
		waiting.Interrupt()
	}
}

// pending reports whether a side waits that was not interrupted.
func (n *Notifier) pending() bool {
	waiting := n.waiting.Load()
	return waiting != nil && waiting != &signaled
}
