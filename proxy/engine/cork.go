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
	k.settle()
	close(k.wake)
	<-ended
}

// settle waits until nothing is held back, and ends the holding back.
func (k *cork) settle() {
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
	for k.on && k.err == nil && k.filled > 0 && k.filled+len(p) > largeBuffer {
		k.changed.Wait()
	}
	if k.err != nil {
		defer k.mu.Unlock()
		return 0, k.err
	}
	if !k.on || len(p) > largeBuffer {
		for k.sending {
			k.changed.Wait()
		}
		defer k.mu.Unlock()
		return k.Socket.Write(p)
	}
	if k.buf == nil {
		k.buf = k.engine.borrow()
	}
	defer k.mu.Unlock()
	k.filled += copy(k.buf[k.filled:], p)
	if !k.sending {
		// Still locked, so that settle cannot end the holding back before.
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
	return len(p), nil
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

// Close implements net.Conn: it sends what waits first.
func (k *cork) Close() error {
	k.settle()
	return k.Socket.Close()
}
