package engine

import (
	"io"

	"gateway/proxy/header"
	"gateway/proxy/socket"
)

// client is the client's side of an exchange: HTTP/1.1 or HTTP/2. Only the goroutine of the exchange calls its methods,
// unless they say otherwise. After an error nothing more can be sent.
type client interface {
	// inform sends an informational response (1xx) at once, if the client's version has these.
	inform(status int, h header.Header) error
	// begin starts the final response. length is that of the body, -1 if it is unknown. For a response without a body
	// it is the value of Content-Length, -1 for none.
	begin(status int, h header.Header, length int64) error
	// The body follows. It may be held back until Flush or end.
	flusher
	// end completes the response.
	end(trailers header.Header) error
	// abort ends the response so that the client does not take it for a complete one.
	abort()
	// rollback withdraws a response that has begun, if nothing of it was sent. It reports whether it did.
	rollback() bool
	// switchProtocol responds to an upgrade with 101 and returns the connection for both directions.
	switchProtocol(protocol string, h header.Header) (tunnelSide, error)

	// watch interrupts what waits for a target once the client disconnects, until unwatch, which reports whether that
	// happened; disconnected reports it before. watch is safe for concurrent use with the goroutine that sends the
	// body.
	watch(waiting *socket.Interruption, stage stage)
	unwatch() (disconnected bool)
	disconnected() bool

	// plain returns the socket to which the body can be spliced, or nil; moved notes bytes that were.
	plain() *socket.Socket
	moved(n int64)
	// stopBody ends a read of the body by another goroutine; settleBody is called once that has ended.
	stopBody()
	settleBody()
	// pins returns those of the client's connection.
	pins() *pins
}

// flusher receives a body.
type flusher interface {
	io.Writer
	Flush() error
}

// stage is what an exchange waits for while its client is watched.
type stage uint8

const (
	// underWay: a target processes the request.
	underWay stage = iota
	// queued: the request waits in a queue.
	queued
)

// tunnelSide is one side of an upgraded connection.
type tunnelSide interface {
	io.ReadWriter
	// CloseWrite ends the stream to this side, if the protocol can.
	CloseWrite() error
	// watch interrupts the other side once this one, which has ended its stream, disconnects.
	watch(other *socket.Interruption)
	// interruption ends all waits on this side.
	interruption() *socket.Interruption
}
