// Package http1 reads and writes HTTP/1.1 messages (RFC 9112) in memory; it does no input or output of its own. It is
// strict: what the RFC calls invalid is an Invalid and never repaired, since the next hop may repair it in another way. In
// answers it repairs what the RFC has a proxy repair, and what apps send that cannot be misread: never the framing. What it
// writes is made again from what was parsed.
package http1

import (
	"errors"

	"gateway/proxy/header"
)

// ErrIncomplete says that the buffer ends before what is to be parsed does; more bytes may complete it.
var ErrIncomplete = errors.New("the message is incomplete")

// Invalid is a message that cannot be accepted. The values are made once; comparing them is enough to tell them apart.
type Invalid struct {
	// Status is what a server answers to such a request: 400, 414, 417, 431, 501 or 505. A target that sends such a response
	// gets none: its client is told 502.
	Status int
	// Rule says in a few words what is wrong.
	Rule string
	// Section is where that is said, such as "RFC 9112 section 5.1".
	Section string
}

// Error implements error.
func (i *Invalid) Error() string { return i.Rule + " (" + i.Section + ")" }

// Limits bound a head.
type Limits struct {
	// Bytes is the most a head may have, from its first byte to the empty line; Fields the most field lines. A negative
	// one is none.
	Bytes, Fields int
}

// Lengths that are no numbers of bytes.
const (
	// Chunked is the length of a body whose end its chunked coding tells.
	Chunked int64 = -1
	// UntilClose is the length of the body of a response that ends with its connection.
	UntilClose int64 = -2
)

// Request is the head of a request. Its strings are borrowed from the buffer that was parsed.
type Request struct {
	Method string
	// Target is the request target as it was sent (RFC 9112 section 3.2): in origin, absolute or asterisk form, or in
	// the authority form of CONNECT.
	Target string
	// Path and Query are those of Target, byte for byte; Query starts with its "?" when there is one. An absolute form
	// without a path has "/", or "*" if it is of OPTIONS and has no query (RFC 9112 section 3.2.4); the other two forms
	// have Target as their path.
	Path, Query string
	// Host is the authority of the request: of the absolute form if it is one, else of the Host field, which is not in
	// Header. It is a valid host and port, not normalised; a field that is empty is accepted, and only HTTP/1.0 may have
	// none.
	Host string
	// Minor is the minor version: 0 or 1.
	Minor int
	// Header has the fields that are passed on: those of header.Hop, those that Connection names, and Host are not in it.
	Header header.Header
	// Length is the body's: 0 when there is none, or Chunked.
	Length int64
	// Close reports that the connection ends after this request: by its version and its Connection field.
	Close bool
	// Upgrade is what the Upgrade field says if Connection names it, in HTTP/1.1; else empty. A list with HTTP or TLS in
	// it, such as "h2c", is ignored: who changed to that would speak HTTP with the target past the gateway.
	Upgrade string
	// Continue reports "Expect: 100-continue" in HTTP/1.1. The field stays in Header. Another expectation is an Invalid
	// with status 417.
	Continue bool
	// Trailers reports "TE: trailers", named by Connection or not.
	Trailers bool
	// Binds reports credentials of a scheme that authenticates the connection in place of the request, such as NTLM
	// (RFC 4559 section 6): the connection to the target must serve no other client from here on.
	Binds bool
}

// Response is the head of a response. Its strings are borrowed from the buffer that was parsed.
type Response struct {
	Minor, Status int
	Reason        string
	// Header has the fields that are passed on: those of header.Hop and those that Connection names are not in it.
	Header header.Header
	// Length is the body's, by RFC 9112 section 6.3: 0 when there is none, Chunked or UntilClose. For a response without
	// a body by its nature (to HEAD, 1xx, 204, 304) it is 0 and Declared tells what Content-Length said.
	Length int64
	// Declared is the value of Content-Length, or -1 without one.
	Declared int64
	// Promised reports that a response which has no body by its nature looks as if it had one: a body may follow all the
	// same, from a target that does not know better.
	Promised bool
	// Close reports that the connection cannot be used for another exchange.
	Close bool
	// Upgrade is what the Upgrade field says if Connection names it, in HTTP/1.1; else empty.
	Upgrade string
	// Binds reports that a scheme was offered or accepted which authenticates the connection, see Request.Binds.
	// Handshake reports a challenge of such a scheme that the client must answer over the same connection.
	Binds, Handshake bool
}
