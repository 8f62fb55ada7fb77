package engine

import (
	"context"
	"net"
)

// Engine serves exchanges. Its methods are safe for concurrent use.
type Engine struct{}

// New prepares an engine.
func New(c Config) *Engine { panic("to be written") }

// Serve accepts connections until the listener is closed by Drain, and returns nil when the last of them has ended.
// It is called once for each listener; with secure, all of its connections are TLS. An error means that the listener broke.
func (e *Engine) Serve(l net.Listener, secure bool) error { panic("to be written") }

// Drain closes the listeners and the idle connections, waits for the exchanges under way until the context ends, then
// cuts off the others and, last, the upgraded connections.
func (e *Engine) Drain(ctx context.Context) { panic("to be written") }

// Close closes the connections to targets that are not in use and ends what watches the timeouts.
func (e *Engine) Close() { panic("to be written") }
