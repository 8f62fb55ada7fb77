package engine

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"

	"gateway/proxy/http1"
)

// clientFailed ends an exchange whose client accepts no more.
func (x *Exchange) clientFailed(err error) error {
	x.Abort()
	return fmt.Errorf("%w: %w", ErrDisconnected, err)
}

// failResponse ends an exchange whose response cannot be completed. If nothing of it was sent, it is as if it had not
// begun.
func failResponse(x *Exchange, err error) error {
	disconnected, bodyErr := x.client.disconnected(), x.bodyErr()
	if !disconnected && len(x.wraps) == 0 && x.client.rollback() {
		x.phase, x.status, x.sent, x.stream, x.relayed = asked, 0, 0, false, false
		if bodyErr != nil {
			return bodyErr
		}
		return fmt.Errorf("%w: %w", ErrResponse, err)
	}
	x.Abort()
	switch {
	case disconnected:
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	case errors.Is(bodyErr, ErrReceive):
		return fmt.Errorf("%w: %w", ErrBroken, bodyErr)
	case bodyErr != nil:
		return fmt.Errorf("%w: %w", ErrDisconnected, bodyErr)
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// undeliverable distinguishes a transformer that failed from a client that disconnected.
func undeliverable(x *Exchange, err error) error {
	if len(x.wraps) > 0 && !x.client.disconnected() {
		return failResponse(x, err)
	}
	return x.clientFailed(err)
}

// bodyFailure is why the body of a request could not be read. It is safe for concurrent use.
type bodyFailure struct{ failed atomic.Pointer[error] }

// failBody stores why the body could not be read.
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

// bodyErr returns why the body could not be read, nil if it could.
func (r *bodyFailure) bodyErr() error {
	if failed := r.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// clearFailure prepares for another request.
func (r *bodyFailure) clearFailure() {
	if r.failed.Load() != nil {
		r.failed.Store(nil)
	}
}

// transformError is an error of a transformer, not of the body that it reads.
type transformError struct{ error }

// transformed is a body after a transformer.
type transformed struct {
	io.Reader
	body *errorKeeper
}

// Read implements io.Reader. It returns an error of the body itself even if the transformer replaces it or takes it for
// the end: otherwise the target would take a part for the whole. It turns a panic into an error, since nothing else on
// this goroutine may recover from it.
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

// errorKeeper is a body that keeps its error.
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
