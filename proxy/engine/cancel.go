package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// ErrCanceled says, together with ErrConnect or ErrResponse, that Cancel or Drain ended the exchange. It is not a
// failure of the target.
var ErrCanceled = errors.New("the exchange with the target was canceled")

// cancellation ends exchanges with a target from outside.
type cancellation struct {
	// count is the number of calls of Cancel.
	count atomic.Uint32
	// end is when Drain cuts off exchanges, nil for never. It includes the monotonic clock, so that a change of the
	// system time has no effect.
	end atomic.Pointer[time.Time]

	// mu guards waits: the functions that cancel a connection attempt, or the wait of an exchange over HTTP/2.
	mu    sync.Mutex
	waits map[*context.CancelCauseFunc]struct{}
}

// add lets Cancel call the function, until remove.
func (c *cancellation) add(cancel *context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waits == nil {
		c.waits = map[*context.CancelCauseFunc]struct{}{}
	}
	c.waits[cancel] = struct{}{}
}

func (c *cancellation) remove(cancel *context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waits, cancel)
}

// Cancel cancels what waits for the target: connection attempts, and exchanges that are Repeatable and whose response
// has not begun. Their Forward returns ErrConnect or ErrResponse within two ticks (see Timeouts). Other exchanges
// continue, and new ones may begin.
func (u *Upstream) Cancel() {
	u.cancellation.count.Add(1)
	u.cancellation.cancelAll()
}

// cancelAll calls the functions that were added.
func (c *cancellation) cancelAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for cancel := range c.waits {
		(*cancel)(ErrCanceled)
	}
}

// Drain gives the exchanges under way that long to end, upgraded connections included, and then cuts them off. Those
// that Cancel would cancel are canceled then. No connection is kept meanwhile. 0 or less undoes Drain. The last call
// counts.
func (u *Upstream) Drain(within time.Duration) {
	if within <= 0 {
		u.cancellation.end.Store(nil)
		return
	}
	end := time.Now().Add(within)
	u.cancellation.end.Store(&end)
	u.clear()
}

// draining reports that Drain was called.
func (c *cancellation) draining() bool { return c.end.Load() != nil }

// expired reports that the time of Drain is over.
func (c *cancellation) expired() bool {
	end := c.end.Load()
	return end != nil && !time.Now().Before(*end)
}

// mustInterrupt reports that the watch has to interrupt a connection of HTTP/2. Before that, it cancels what Cancel
// would.
func (u *Upstream) mustInterrupt() bool {
	late := u.cancellation.expired()
	if late {
		u.cancellation.cancelAll()
	}
	return late
}

// withCancel returns a context that Cancel ends, until the returned function is called.
func (c *cancellation) withCancel(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	c.add(&cancel)
	return ctx, func() {
		c.remove(&cancel)
		cancel(nil)
	}
}

// canceledError wraps ErrCanceled if Cancel ended the wait.
func canceledError(ctx context.Context, err error) error {
	if context.Cause(ctx) == ErrCanceled {
		return fmt.Errorf("%w: %w", ErrCanceled, err)
	}
	return err
}

// responseWait is the wait of one exchange for the first bytes of its response. Either the exchange or Cancel ends it.
type responseWait struct{ state atomic.Int64 }

// The states of a wait. Any other state is one more than the count of cancellations when the wait began, so that Cancel
// never ends a wait that began after it.
const (
	canceled   int64 = -1
	notWaiting int64 = 0
)

func (w *responseWait) begin(c *cancellation) { w.state.Store(int64(c.count.Load()) + 1) }

// end ends the wait. It reports whether Cancel did not end it before.
func (w *responseWait) end() bool {
	state := w.state.Load()
	return state > notWaiting && w.state.CompareAndSwap(state, notWaiting)
}

// mustInterrupt reports that the watch has to interrupt the connection.
func (l *link) mustInterrupt() bool {
	c := &l.upstream.cancellation
	late := c.expired()
	if state := l.responseWait.state.Load(); state > notWaiting && (late || state != int64(c.count.Load())+1) {
		return l.responseWait.state.CompareAndSwap(state, canceled)
	}
	return late
}

// Repeatable reports that the request may be sent to another target after ErrResponse or ErrDeclined: its method is
// idempotent (RFC 9110 section 9.2.2), all of its body is in memory, no response has begun, and it is not part of a
// handshake that authenticates the connection. After ErrConnect every request may, since nothing was sent.
func (x *Exchange) Repeatable() bool {
	return x.body == nil && !x.Began() && !x.Request.ConnAuth && idempotent(x.Request.Method)
}

func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, "PROPFIND":
		return true
	}
	return false
}

// declined asks the hooks whether to relay a response.
func (x *Exchange) declined(status int, hooks Hooks) bool {
	return x.Repeatable() && !hooks.Accepts(status)
}

// errDeclined says which response the hooks declined.
func errDeclined(status int) error { return fmt.Errorf("%w: its status is %d", ErrDeclined, status) }
