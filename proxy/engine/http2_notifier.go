package engine

import (
	"context"
	"sync"

	"gateway/proxy/socket"
)

// streamDeparture is that of a client without a socket to itself: it is gone when a context ends.
type streamDeparture struct {
	socket.Notifier
	// signal is Signal, made once so that using it again allocates less.
	signal func()
	// unbind ends the wait for the context.
	mu     sync.Mutex
	unbind func() bool
}

// bind notifies waiting when the context ends, until Stop. The context is the same each time until free.
func (d *streamDeparture) bind(ctx context.Context, waiting *socket.Interruption) {
	d.Notify(waiting)
	d.mu.Lock()
	if d.unbind == nil {
		d.unbind = context.AfterFunc(ctx, d.signal)
	}
	d.mu.Unlock()
	if ctx.Err() != nil {
		d.Signal()
	}
}

// free forgets the context. It reports whether another one can be bound.
func (d *streamDeparture) free() bool {
	free := d.unbind == nil || d.unbind()
	d.unbind = nil
	d.Stop()
	return free
}
