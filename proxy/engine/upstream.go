package engine

import "errors"

// What can become of an exchange that was not answered.
var (
	// ErrConnect says that the target could not be reached; ErrTimeout is there too when it took longer than
	// Timeouts.Connect. Nothing was sent to it and nothing of the request's body was read, so another may be tried.
	ErrConnect = errors.New("cannot connect to the target")
	// ErrTimeout says that the target took longer than Timeouts.Connect, Answer or Total.
	ErrTimeout = errors.New("the target did not answer in time")
	// ErrAnswer says that the target broke the connection or answered what is not HTTP.
	ErrAnswer = errors.New("the target did not answer properly")
	// ErrRequest says that the visitor's request is malformed or broke off in its body.
	ErrRequest = errors.New("the request cannot be read")
	// ErrGone says that the visitor is gone and needs no answer.
	ErrGone = errors.New("the visitor is gone")
	// ErrBroken says that the target broke off in the middle of its answer. The exchange is aborted already.
	ErrBroken = errors.New("the target broke off its answer")
)

// Upstream is one target with the connections to it that are not in use. It is safe for concurrent use.
type Upstream struct{}

// Upstream makes the target at that host:port. Who drops it calls Close.
func (e *Engine) Upstream(scheme Scheme, address string) *Upstream { panic("to be written") }

// Close closes the connections that are not in use. Exchanges under way finish, and close theirs.
func (u *Upstream) Close() { panic("to be written") }
