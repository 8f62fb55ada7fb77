package engine

import (
	"context"
	"sync"

	"gateway/proxy/socket"
)

// streamNotifier is that of a client without a socket to itself: it is gone when a context ends.
type streamNotifier struct {
	socket.Notifier
	// signal is Signal, made once so that using it again allocates less.
	signal func()
	// unbind ends the wait for the context.
	mu   sync.Mutex
	stop func() bool
}

// notifyOnDone notifies waiting when the context ends, until Stop. The context is the same each time until free.
func (d *streamNotifier) notifyOnDone(ctx context.Context, waiting *socket.Interruption) {
	d.Notify(waiting)
	d.mu.Lock()
	if d.stop == nil {
		d.stop = context.AfterFunc(ctx, d.signal)
	}
	d.mu.Unlock()
	if ctx.Err() != nil {
		d.Signal()
	}
}

// free forgets the context. It reports whether another one can be bound.
func (d *streamNotifier) free() bool {
	free := d.stop == nil || d.stop()
	d.stop = nil
	d.Stop()
	return free
}
