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

// ErrRecalled says, together with ErrConnect or ErrAnswer, that Recall or Drain gave the target up: it did nothing wrong
// that is known of.
var ErrRecalled = errors.New("the target was given up while it was waited for")

// recalling is what a target's exchanges are ended by, from outside.
type recalling struct {
	// count is how often Recall was called.
	count atomic.Uint32
	// end is when Drain cuts off what is under way, nil for never. It has the monotonic clock's time too, so that nothing
	// is cut off early, or never, because the clock is put right.
	end atomic.Pointer[time.Time]

	// mu guards waits: what ends a connection attempt, or the wait of an exchange over HTTP/2.
	mu    sync.Mutex
	waits map[*context.CancelCauseFunc]struct{}
}

// note has Recall call the function, until forget.
func (r *recalling) note(cancel *context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waits == nil {
		r.waits = map[*context.CancelCauseFunc]struct{}{}
	}
	r.waits[cancel] = struct{}{}
}

func (r *recalling) forget(cancel *context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waits, cancel)
}

// Recall gives up what waits for the target: connection attempts, and the exchanges that are Repeatable and of whose
// answer nothing came yet. Their Forward returns ErrConnect or ErrAnswer, within two ticks (see Timeouts). Other exchanges
// go on, and new ones may come.
func (u *Upstream) Recall() {
	u.recalling.count.Add(1)
	u.recalling.giveUp()
}

// giveUp ends what is noted.
func (r *recalling) giveUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for cancel := range r.waits {
		(*cancel)(ErrRecalled)
	}
}

// Drain gives the exchanges under way that long to end, upgraded connections included, and then cuts them off; those that
// Recall would give up are given up. No connection is kept meanwhile. 0 or less is any time, and what follows a call of Drain counts from then on.
func (u *Upstream) Drain(within time.Duration) {
	if within <= 0 {
		u.recalling.end.Store(nil)
		return
	}
	end := time.Now().Add(within)
	u.recalling.end.Store(&end)
	u.clear()
}

// ending reports that Drain was called.
func (r *recalling) ending() bool { return r.end.Load() != nil }

// late reports that Drain's time is over.
func (r *recalling) late() bool {
	end := r.end.Load()
	return end != nil && !time.Now().Before(*end)
}

// overdue reports that the watch has to interrupt a connection of HTTP/2. What Recall would give up is given up before.
func (u *Upstream) overdue() bool {
	late := u.recalling.late()
	if late {
		u.recalling.giveUp()
	}
	return late
}

// wait returns a context that Recall ends, until the function is called.
func (r *recalling) wait(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	r.note(&cancel)
	return ctx, func() {
		r.forget(&cancel)
		cancel(nil)
	}
}

// recallOf adds that Recall ended a wait, if it did.
func recallOf(ctx context.Context, err error) error {
	if context.Cause(ctx) == ErrRecalled {
		return fmt.Errorf("%w: %w", ErrRecalled, err)
	}
	return err
}

// awaiting is the wait of one exchange for the first bytes of its response. Either the exchange ends it, or Recall does.
type awaiting struct{ state atomic.Int64 }

// The states of a wait. One that may be recalled is the target's count of recalls when it began, and one more: so that
// Recall never ends one that began after it.
const (
	recalled  int64 = -1
	unhurried int64 = 0
)

func (a *awaiting) begin(r *recalling) { a.state.Store(int64(r.count.Load()) + 1) }

// end reports whether the wait lasted until here, and was not ended by Recall.
func (a *awaiting) end() bool {
	state := a.state.Load()
	return state > unhurried && a.state.CompareAndSwap(state, unhurried)
}

// doomed reports that the watch has to interrupt the connection.
func (l *link) doomed() bool {
	r := &l.upstream.recalling
	late := r.late()
	if state := l.awaiting.state.Load(); state > unhurried && (late || state != int64(r.count.Load())+1) {
		return l.awaiting.state.CompareAndSwap(state, recalled)
	}
	return late
}

// Repeatable reports that the request may be sent to another target after ErrAnswer or ErrDeclined: its method is
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
