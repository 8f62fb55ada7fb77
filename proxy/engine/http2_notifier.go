package engine

import (
	"context"
	"sync"

	"gateway/proxy/socket"
)

// streamNotifier is the notifier of a client without its own socket: it has disconnected when a context ends.
type streamNotifier struct {
	socket.Notifier
	// signal is Signal, bound once so that reuse allocates less.
	signal func()
	// stop ends the wait for the context.
	mu   sync.Mutex
	stop func() bool
}

// notifyOnDone interrupts waiting when the context ends, until Stop. The context is the same in each call until free.
func (n *streamNotifier) notifyOnDone(ctx context.Context, waiting *socket.Interruption) {
	n.Notify(waiting)
	n.mu.Lock()
	if n.stop == nil {
		n.stop = context.AfterFunc(ctx, n.signal)
	}
	n.mu.Unlock()
	if ctx.Err() != nil {
		n.Signal()
	}
}

// free drops the context. It reports whether the notifier can be reused.
func (n *streamNotifier) free() bool {
	free := n.stop == nil || n.stop()
	n.stop = nil
	n.Stop()
	return free
}
