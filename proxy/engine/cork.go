package engine

import (
	"runtime"
	"sync"
	"time"

	"gateway/proxy/socket"
)

// cork collects what is written to a socket while others are about to write too, and sends it in one piece: the server of
// HTTP/2 writes each frame by itself, often those of many streams in a row. Only while Serve runs does it hold anything
// back.
type cork struct {
	*socket.Socket
	engine *Engine
	wake   chan struct{}

	mu sync.Mutex
	// changed is signalled when what is below it is.
	changed sync.Cond
	on      bool
	// buf holds what waits; it is nil when nothing does. sending reports that something is on its way.
	buf     *[largeBuffer]byte
	filled  int
	sending bool
	// err is the first error of the socket; nothing is sent after it.
	err error
}

func newCork(e *Engine, s *socket.Socket) *cork {
	k := &cork{Socket: s, engine: e, wake: make(chan struct{}, 1)}
	k.changed.L = &k.mu
	return k
}

// Serve holds writes back while work goes on, and has sent all of them when it returns.
func (k *cork) Serve(work func()) {
	k.mu.Lock()
	k.on = true
	k.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range k.wake {
			// Whoever can write now does so first.
			runtime.Gosched()
			k.send()
		}
	}()
	work()
	k.uncork()
	close(k.wake)
	<-ended
}

// uncork waits until nothing is held back, and ends the holding back.
func (k *cork) uncork() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clear()
	k.on = false
}

// clear waits until nothing is held back, with the lock held.
func (k *cork) clear() {
	for k.on && k.err == nil && (k.filled > 0 || k.sending) {
		k.changed.Wait()
	}
}

// waiting reports that something is held back or on its way.
func (k *cork) waiting() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.filled > 0 || k.sending
}

// SetWriteDeadline implements net.Conn. What waits was written before a deadline that has passed, so it is sent first:
// TLS sets one right behind its last alert.
func (k *cork) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() && !t.After(time.Now()) {
		k.mu.Lock()
		k.clear()
		k.mu.Unlock()
	}
	return k.Socket.SetWriteDeadline(t)
}

// Write implements io.Writer. An error may be that of an earlier write.
func (k *cork) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.err == nil && k.full(len(p)) {
		k.changed.Wait()
	}
	if k.err != nil {
		return 0, k.err
	}
	if !k.on || len(p) > largeBuffer {
		return k.pass(p)
	}
	if k.buf == nil {
		k.buf = k.engine.borrow()
	}
	k.filled += copy(k.buf[k.filled:], p)
	if !k.sending {
		k.wakeSender()
	}
	return len(p), nil
}

// full reports that there is no room for so many bytes, or that those which nothing has room for are not next.
func (k *cork) full(n int) bool {
	if !k.on || n > largeBuffer {
		return k.filled > 0 || k.sending
	}
	return k.filled+n > largeBuffer
}

// pass sends p as it is. The lock is not held meanwhile, so that Close need not wait for it.
func (k *cork) pass(p []byte) (int, error) {
	k.sending = true
	k.mu.Unlock()
	n, err := k.Socket.Write(p)
	k.mu.Lock()
	k.sending, k.err = false, err
	if k.filled > 0 {
		k.wakeSender()
	}
	k.changed.Broadcast()
	return n, err
}

// wakeSender has what waits sent. It is called with the lock held, so that settle cannot end the holding back before.
func (k *cork) wakeSender() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// send sends what waits until nothing does.
func (k *cork) send() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.filled > 0 && k.err == nil {
		buf, filled := k.buf, k.filled
		k.buf, k.filled, k.sending = nil, 0, true
		k.changed.Broadcast()
		k.mu.Unlock()
		_, err := k.Socket.Write(buf[:filled])
		k.engine.giveBack(buf)
		k.mu.Lock()
		k.sending, k.err = false, err
	}
	k.changed.Broadcast()
}

// Close implements net.Conn: it sends what waits first, and has Timeouts.Write for that in all.
func (k *cork) Close() error {
	if limit := k.engine.config.Write; limit > 0 && k.waiting() {
		_ = k.Socket.SetWriteDeadline(time.Now().Add(limit))
	}
	k.uncork()
	return k.Socket.Close()
}
