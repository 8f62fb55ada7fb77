package engine

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"

	"gateway/proxy/http1"
)

// gone ends an exchange whose client takes no more.
func (x *Exchange) gone(err error) error {
	x.Abort()
	return fmt.Errorf("%w: %w", ErrGone, err)
}

// breakOff ends an exchange whose answer cannot be completed. If nothing of it was sent yet, it is as if it had not begun.
func breakOff(x *Exchange, err error) error {
	gone, unread := x.client.lost(), x.unread()
	if !gone && len(x.wraps) == 0 && x.client.recall() {
		x.phase, x.status, x.sent, x.stream, x.relayed = asked, 0, 0, false, false
		if unread != nil {
			return unread
		}
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	x.Abort()
	switch {
	case gone:
		return fmt.Errorf("%w: %w", ErrGone, err)
	case errors.Is(unread, ErrReceive):
		return fmt.Errorf("%w: %w", ErrBroken, unread)
	case unread != nil:
		return fmt.Errorf("%w: %w", ErrGone, unread)
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// undeliverable tells a transformer that failed from a client that is gone.
func undeliverable(x *Exchange, err error) error {
	if len(x.wraps) > 0 && !x.client.lost() {
		return breakOff(x, err)
	}
	return x.gone(err)
}

// receipt says what became of the body of a request. One goroutine reads the body while another may look.
type receipt struct{ failed atomic.Pointer[error] }

// fail notes why the body could not be read.
func (r *receipt) fail(err error) {
	class := ErrGone
	if own, refused := errors.AsType[*unreceived](err); refused {
		class, err = ErrReceive, own.error
	} else if _, malformed := errors.AsType[*http1.Invalid](err); malformed {
		class = ErrRequest
	}
	failed := fmt.Errorf("%w: %w", class, err)
	r.failed.Store(&failed)
}

// unread is why the body could not be read, nil when it could.
func (r *receipt) unread() error {
	if failed := r.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// forget makes it that of another request.
func (r *receipt) forget() {
	if r.failed.Load() != nil {
		r.failed.Store(nil)
	}
}

// unreceived is an error of a transformer, and not of what it reads.
type unreceived struct{ error }

// received is what a transformer makes of a body.
type received struct {
	io.Reader
	body *noted
}

// Read implements io.Reader. An error of the body is given as it was, even if the transformer takes it for another one or
// for the end: else the target would get a part for the whole. A panic is an error of the transformer, since it may be on
// a goroutine where nothing else would recover from it.
func (r *received) Read(p []byte) (n int, err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			n, err = 0, &unreceived{fmt.Errorf("it panicked: %v\n%s", thrown, debug.Stack())}
		}
	}()
	n, err = r.Reader.Read(p)
	switch {
	case err == nil:
	case r.body.err != nil:
		err = r.body.err
	case err != io.EOF:
		err = &unreceived{err}
	}
	return n, err
}

// noted is a body whose error is kept.
type noted struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (b *noted) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
