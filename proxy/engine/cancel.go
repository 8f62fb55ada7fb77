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

// ErrCanceled says, together with ErrConnect or ErrResponse, that Cancel or Drain gave the target up: it did nothing wrong
// that is known of.
var ErrCanceled = errors.New("the target was given up while it was waited for")

// cancellation is what a target's exchanges are ended by, from outside.
type cancellation struct {
	// count is how often Cancel was called.
	count atomic.Uint32
	// end is when Drain cuts off what is under way, nil for never. It has the monotonic clock's time too, so that nothing
	// is cut off early, or never, because the clock is put right.
	end atomic.Pointer[time.Time]

	// mu guards waits: what ends a connection attempt, or the wait of an exchange over HTTP/2.
	mu    sync.Mutex
	waits map[*context.CancelCauseFunc]struct{}
}

// add has Cancel call the function, until forget.
func (r *cancellation) add(cancel *context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waits == nil {
		r.waits = map[*context.CancelCauseFunc]struct{}{}
	}
	r.waits[cancel] = struct{}{}
}

func (r *cancellation) remove(cancel *context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waits, cancel)
}

// Cancel gives up what waits for the target: connection attempts, and the exchanges that are Repeatable and of whose
// answer nothing came yet. Their Forward returns ErrConnect or ErrResponse, within two ticks (see Timeouts). Other exchanges
// go on, and new ones may come.
func (u *Upstream) Cancel() {
	u.cancellation.count.Add(1)
	u.cancellation.cancelAll()
}

// cancelAll ends what is noted.
func (r *cancellation) cancelAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for cancel := range r.waits {
		(*cancel)(ErrCanceled)
	}
}

// Drain gives the exchanges under way that long to end, upgraded connections included, and then cuts them off; those that
// Cancel would give up are given up. No connection is kept meanwhile. 0 or less is any time, and what follows a call of Drain counts from then on.
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
func (r *cancellation) draining() bool { return r.end.Load() != nil }

// expired reports that Drain's time is over.
func (r *cancellation) expired() bool {
	end := r.end.Load()
	return end != nil && !time.Now().Before(*end)
}

// mustInterrupt reports that the watch has to interrupt a connection of HTTP/2. What Cancel would give up is given up before.
func (u *Upstream) mustInterrupt() bool {
	late := u.cancellation.expired()
	if late {
		u.cancellation.cancelAll()
	}
	return late
}

// withCancel returns a context that Cancel ends, until the function is called.
func (r *cancellation) withCancel(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	r.add(&cancel)
	return ctx, func() {
		r.remove(&cancel)
		cancel(nil)
	}
}

// canceledError adds that Cancel ended a wait, if it did.
func canceledError(ctx context.Context, err error) error {
	if context.Cause(ctx) == ErrCanceled {
		return fmt.Errorf("%w: %w", ErrCanceled, err)
	}
	return err
}

// responseWait is the wait of one exchange for the first bytes of its response. Either the exchange ends it, or Cancel does.
type responseWait struct{ state atomic.Int64 }

// The states of a wait. One that may be recalled is the target's count of recalls when it began, and one more: so that
// Cancel never ends one that began after it.
const (
	canceled   int64 = -1
	notWaiting int64 = 0
)

func (a *responseWait) begin(r *cancellation) { a.state.Store(int64(r.count.Load()) + 1) }

// end reports whether the wait lasted until here, and was not ended by Cancel.
func (a *responseWait) end() bool {
	state := a.state.Load()
	return state > notWaiting && a.state.CompareAndSwap(state, notWaiting)
}

// mustInterrupt reports that the watch has to interrupt the connection.
func (l *link) mustInterrupt() bool {
	r := &l.upstream.cancellation
	late := r.expired()
	if state := l.responseWait.state.Load(); state > notWaiting && (late || state != int64(r.count.Load())+1) {
		return l.responseWait.state.CompareAndSwap(state, canceled)
	}
	return late
}

// Repeatable reports that the request may be sent to another target after ErrResponse or ErrDeclined: its method is
// idempotent (RFC 9110 section 9.2.2), all of its body is at hand, no response has begun, and it is no part of a handshake
// that authenticates the connection. After ErrConnect any may, since
// nothing was sent.
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

// declined asks the hooks whether a response is to be sent on.
func (x *Exchange) declined(status int, hooks Hooks) bool {
	return x.Repeatable() && !hooks.Accepts(status)
}

// errDeclined tells which answer was not wanted.
func errDeclined(status int) error { return fmt.Errorf("%w: its status is %d", ErrDeclined, status) }
