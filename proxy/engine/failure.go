package engine

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"

	"gateway/proxy/http1"
)

// clientFailed ends an exchange whose client takes no more.
func (x *Exchange) clientFailed(err error) error {
	x.Abort()
	return fmt.Errorf("%w: %w", ErrDisconnected, err)
}

// failResponse ends an exchange whose answer cannot be completed. If nothing of it was sent yet, it is as if it had not begun.
func failResponse(x *Exchange, err error) error {
	gone, unread := x.client.disconnected(), x.bodyErr()
	if !gone && len(x.wraps) == 0 && x.client.rollback() {
		x.phase, x.status, x.sent, x.stream, x.relayed = asked, 0, 0, false, false
		if unread != nil {
			return unread
		}
		return fmt.Errorf("%w: %w", ErrResponse, err)
	}
	x.Abort()
	switch {
	case gone:
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	case errors.Is(unread, ErrReceive):
		return fmt.Errorf("%w: %w", ErrBroken, unread)
	case unread != nil:
		return fmt.Errorf("%w: %w", ErrDisconnected, unread)
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// undeliverable tells a transformer that failed from a client that is gone.
func undeliverable(x *Exchange, err error) error {
	if len(x.wraps) > 0 && !x.client.disconnected() {
		return failResponse(x, err)
	}
	return x.clientFailed(err)
}

// bodyFailure says what became of the body of a request. One goroutine reads the body while another may look.
type bodyFailure struct{ failed atomic.Pointer[error] }

// failBody notes why the body could not be read.
func (r *bodyFailure) failBody(err error) {
	class := ErrDisconnected
	if own, refused := errors.AsType[*transformError](err); refused {
		class, err = ErrReceive, own.error
	} else if _, malformed := errors.AsType[*http1.Invalid](err); malformed {
		class = ErrRequest
	}
	failed := fmt.Errorf("%w: %w", class, err)
	r.failed.Store(&failed)
}

// bodyErr is why the body could not be read, nil when it could.
func (r *bodyFailure) bodyErr() error {
	if failed := r.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// clearFailure makes it that of another request.
func (r *bodyFailure) clearFailure() {
	if r.failed.Load() != nil {
		r.failed.Store(nil)
	}
}

// transformError is an error of a transformer, and not of what it reads.
type transformError struct{ error }

// transformed is what a transformer makes of a body.
type transformed struct {
	io.Reader
	body *errorKeeper
}

// Read implements io.Reader. An error of the body is given as it was, even if the transformer takes it for another one or
// for the end: else the target would get a part for the whole. A panic is an error of the transformer, since it may be on
// a goroutine where nothing else would recover from it.
func (r *transformed) Read(p []byte) (n int, err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			n, err = 0, &transformError{fmt.Errorf("it panicked: %v\n%s", thrown, debug.Stack())}
		}
	}()
	n, err = r.Reader.Read(p)
	switch {
	case err == nil:
	case r.body.err != nil:
		err = r.body.err
	case err != io.EOF:
		err = &transformError{err}
	}
	return n, err
}

// errorKeeper is a body whose error is kept.
type errorKeeper struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (b *errorKeeper) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
