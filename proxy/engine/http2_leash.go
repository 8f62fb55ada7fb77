package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"gateway/proxy/socket"
)

// leash interrupts the socket of a target as soon as a context ends. It is what a socket's own leash is, for clients
// who have no socket to themselves.
type leash struct {
	to atomic.Pointer[socket.Socket]
	// pull is made once, so that using the leash again allocates less.
	pull func()
	// unbind ends the wait for the context.
	mu     sync.Mutex
	unbind func() bool
}

// slipped stands in a leash for what was interrupted through it.
var slipped socket.Socket

// tie interrupts the socket when the context ends, until unwatch. The context is the same each time until free.
func (l *leash) tie(ctx context.Context, to *socket.Socket) {
	l.to.Store(to)
	l.mu.Lock()
	if l.unbind == nil {
		l.unbind = context.AfterFunc(ctx, l.pull)
	}
	l.mu.Unlock()
	if ctx.Err() != nil {
		l.pull()
	}
}

// interrupt interrupts what is on the leash, unless it was let off in this moment.
func (l *leash) interrupt() {
	if to := l.to.Load(); to != nil && to != &slipped && l.to.CompareAndSwap(to, &slipped) {
		to.Interrupt()
	}
}

func (l *leash) unwatch() (gone bool) { return l.to.Swap(nil) == &slipped }

func (l *leash) lost() bool { return l.to.Load() == &slipped }

// free forgets the context. It reports whether the leash can be used with another one.
func (l *leash) free() bool {
	free := l.unbind == nil || l.unbind()
	l.unbind = nil
	l.to.Store(nil)
	return free
}
