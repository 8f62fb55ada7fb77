package socket

import "sync/atomic"

// Interruption ends all waiting of one side, now and for good: of a socket, see Socket.Interruption, or of what a function
// ends.
type Interruption struct {
	socket *Socket
	end    func()
}

// NewInterruption returns an interruption that calls the function.
func NewInterruption(end func()) *Interruption { return &Interruption{end: end} }

// Interrupt ends the waiting. It may be called by anyone, and more than once.
func (i *Interruption) Interrupt() {
	if i.socket != nil {
		i.socket.Interrupt()
		return
	}
	i.end()
}

// Departure interrupts a side that waits once a peer is gone. The zero value interrupts nobody. The methods may be called by
// anyone.
type Departure struct {
	// waiting is nil when nobody waits, and departed when it was interrupted.
	waiting atomic.Pointer[Interruption]
}

// departed stands in a Departure for what was interrupted.
var departed Interruption

// Notify interrupts waiting when the peer is gone, until Stop.
func (d *Departure) Notify(waiting *Interruption) { d.waiting.Store(waiting) }

// Stop ends Notify. It reports whether the peer was gone: the other side is then interrupted, or will be.
func (d *Departure) Stop() (gone bool) { return d.waiting.Swap(nil) == &departed }

// Gone reports that the peer was gone and that the other side was interrupted for it.
func (d *Departure) Gone() bool { return d.waiting.Load() == &departed }

// Signal says that the peer is gone.
func (d *Departure) Signal() {
	if waiting := d.waiting.Load(); waiting != nil && waiting != &departed && d.waiting.CompareAndSwap(waiting, &departed) {
		waiting.Interrupt()
	}
}

// awaited reports whether a side waits that was not interrupted.
func (d *Departure) awaited() bool {
	waiting := d.waiting.Load()
	return waiting != nil && waiting != &departed
}
