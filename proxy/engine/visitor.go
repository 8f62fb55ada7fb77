package engine

import (
	"io"

	"gateway/proxy/header"
	"gateway/proxy/socket"
)

// visitor is the side of an exchange that asked: HTTP/1.1 or HTTP/2. Its methods are called by the goroutine of the
// exchange alone, unless they say otherwise. After an error nothing more can be sent.
type visitor interface {
	answering
	departing
	bypassing
	// bonds are those of the client's connection.
	bonds() *bonds
}

// answering is how an answer is sent.
type answering interface {
	heads
	flusher
	ending
}

// heads are what comes before the body.
type heads interface {
	// inform sends an informational answer (1xx) at once, if the client takes them.
	inform(status int, h header.Header) error
	// begin starts the final answer. length is that of the body or -1 when it is not known. For an answer without a body
	// it is what a Content-Length is to say, or -1 for none.
	begin(status int, h header.Header, length int64) error
	// change answers an upgrade with 101 and returns the connection for both directions.
	change(protocol string, h header.Header) (tunnelSide, error)
}

// flusher takes a body. What was written may wait until Flush or the end.
type flusher interface {
	io.Writer
	Flush() error
}

type ending interface {
	// end completes the answer.
	end(trailers header.Header) error
	// abort makes sure that what was sent cannot be taken for a whole answer.
	abort()
	// recall takes back an answer that has begun, if nothing of it was sent yet. It reports whether it did.
	recall() bool
}

// departing tells when the client leaves.
type departing interface {
	// watch interrupts the socket of a target as soon as the client is gone, until unwatch, which reports whether that
	// happened; lost reports it before. watch may be called by the goroutine that sends the body at the same time.
	watch(s *socket.Socket, stage stage)
	unwatch() (gone bool)
	lost() bool
}

// stage is what a client is watched for.
type stage uint8

const (
	// underWay: a target works on the request.
	underWay stage = iota
	// queued: the request waits for its turn.
	queued
)

// bypassing is what goes around the exchange.
type bypassing interface {
	// plain is the socket that the body may be moved to without passing through memory, or nil; moved notes what was.
	plain() *socket.Socket
	moved(n int64)
	stopping
}

type stopping interface {
	// stopBody ends the reading of the body by another goroutine; settleBody follows when that has ended.
	stopBody()
	settleBody()
}

// tunnelSide is one side of an upgraded connection.
type tunnelSide interface {
	io.ReadWriter
	// CloseWrite tells the side that nothing more comes, as far as it can be told.
	CloseWrite() error
	limited
}

type limited interface {
	// leash interrupts the other side when this one, which has ended what it sends, is gone altogether.
	leash(other *socket.Socket)
	// socket is what interrupts the side.
	socket() *socket.Socket
	interrupt()
}
