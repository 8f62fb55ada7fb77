package engine

import (
	"runtime"
	"sync"
	"time"

	"gateway/proxy/socket"
)

// cork collects consecutive writes to a socket and sends them in one piece: the HTTP/2 server writes each frame
// separately, often those of many streams in a row. It holds writes back only while Serve runs.
type cork struct {
	*socket.Socket
	engine *Engine
	wake   chan struct{}

	mu sync.Mutex
	// changed is signaled when one of the fields below changes.
	changed sync.Cond
	on      bool
	// buf has what is held back, nil if nothing is. sending reports a write to the socket in progress.
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

// Serve holds writes back while work runs. It has sent all of them when it returns.
func (k *cork) Serve(work func()) {
	k.mu.Lock()
	k.on = true
	k.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range k.wake {
			// Let goroutines that can write now do so first.
			runtime.Gosched()
			k.send()
		}
	}()
	work()
	k.uncork()
	close(k.wake)
	<-ended
}

// uncork waits until everything is sent, and stops holding back.
func (k *cork) uncork() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clear()
	k.on = false
}

// clear waits until everything is sent, with the lock held.
func (k *cork) clear() {
	for k.on && k.err == nil && (k.filled > 0 || k.sending) {
		k.changed.Wait()
	}
}

// waiting reports that something is held back or being sent.
func (k *cork) waiting() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.filled > 0 || k.sending
}

// SetWriteDeadline implements net.Conn. A deadline in the past applies to later writes, so what is held back is sent
// first: TLS sets one right after its last alert.
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

// full reports that n bytes do not fit, or that a write too large for the buffer is not next.
func (k *cork) full(n int) bool {
	if !k.on || n > largeBuffer {
		return k.filled > 0 || k.sending
	}
	return k.filled+n > largeBuffer
}

// pass writes p without a copy. It releases the lock meanwhile, so that Close need not wait.
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

// wakeSender starts sending. The lock is held, so that uncork cannot finish before.
func (k *cork) wakeSender() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// send sends what is held back, until nothing is.
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

// Close implements net.Conn: it sends what is held back first, within Timeouts.Write.
func (k *cork) Close() error {
	if limit := k.engine.config.Write; limit > 0 && k.waiting() {
		_ = k.Socket.SetWriteDeadline(time.Now().Add(limit))
	}
	k.uncork()
	return k.Socket.Close()
}
