package engine

import (
	"io"

	"gateway/proxy/header"
	"gateway/proxy/socket"
)

// client is the side of an exchange that asked: HTTP/1.1 or HTTP/2. Its methods are called by the goroutine of the
// exchange alone, unless they say otherwise. After an error nothing more can be sent.
type client interface {
	// inform sends an informational response (1xx) at once, if the client takes them.
	inform(status int, h header.Header) error
	// begin starts the final response. length is that of the body or -1 when it is not known. For a response without a
	// body it is what a Content-Length is to say, or -1 for none.
	begin(status int, h header.Header, length int64) error
	// The body follows. What was written may wait until Flush or the end.
	flusher
	// end completes the response.
	end(trailers header.Header) error
	// abort makes sure that what was sent cannot be taken for a whole response.
	abort()
	// rollback takes back a response that has begun, if nothing of it was sent yet. It reports whether it did.
	rollback() bool
	// switchProtocol responds to an upgrade with 101 and returns the connection for both directions.
	switchProtocol(protocol string, h header.Header) (tunnelSide, error)

	// watch interrupts what waits for a target once the client disconnects, until unwatch, which reports whether that
	// happened; disconnected reports it before. watch may be called by the goroutine that sends the body at the same time.
	watch(waiting *socket.Interruption, stage stage)
	unwatch() (disconnected bool)
	disconnected() bool

	// plain is the socket that the body may be moved to without passing through memory, or nil; moved notes what was.
	plain() *socket.Socket
	moved(n int64)
	// stopBody ends the reading of the body by another goroutine; settleBody follows when that has ended.
	stopBody()
	settleBody()
	// pins are those of the client's connection.
	pins() *pins
}

// flusher takes a body.
type flusher interface {
	io.Writer
	Flush() error
}

// stage is what a client is watched for.
type stage uint8

const (
	// underWay: a target works on the request.
	underWay stage = iota
	// queued: the request waits for its turn.
	queued
)

// tunnelSide is one side of an upgraded connection.
type tunnelSide interface {
	io.ReadWriter
	// CloseWrite tells the side that nothing more comes, as far as it can be told.
	CloseWrite() error
	// watch interrupts the other side when this one, which has ended what it sends, is gone altogether.
	watch(other *socket.Interruption)
	// interruption ends all waiting on the side.
	interruption() *socket.Interruption
}
