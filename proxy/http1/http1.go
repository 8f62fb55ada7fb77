// Package http1 reads and writes HTTP/1.1 messages (RFC 9112) in memory; it does no input or output of its own. It is
// strict: what the RFC calls invalid is an Invalid and never repaired, since the next hop may repair it differently. In
// responses it repairs what the RFC tells a proxy to repair, and common mistakes of apps that cannot be misread, but never
// the framing. Messages are written from the parsed form, never copied.
package http1

import (
	"errors"

	"gateway/proxy/header"
)

// ErrIncomplete says that the buffer ends before the message does; more bytes may complete it.
var ErrIncomplete = errors.New("the message is incomplete")

// Invalid is the reason why a message is refused. Values are made once, so that they can be compared as pointers.
type Invalid struct {
	// Status is the status of the response to such a request: 400, 414, 417, 431, 501 or 505. For an invalid response of a
	// target, the client gets 502 instead.
	Status int
	// Rule says in a few words what is wrong.
	Rule string
	// Section is the section with the rule, such as "RFC 9112 section 5.1".
	Section string
}

// Error implements error.
func (i *Invalid) Error() string { return i.Rule + " (" + i.Section + ")" }

// Limits limit a head.
type Limits struct {
	// Bytes is the most a head may have, from its first byte to the empty line; Fields the most field lines. A negative
	// one is none.
	Bytes, Fields int
}

// Lengths that are not numbers of bytes.
const (
	// Chunked is the length of a body in the chunked coding.
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
	// Header has the fields to forward: without those of header.Hop, those that Connection names, and Host.
	Header header.Header
	// Length is the body's: 0 when there is none, or Chunked.
	Length int64
	// Close reports that the connection ends after this request: by its version and its Connection field.
	Close bool
	// Upgrade is the value of the Upgrade field if Connection names it, in HTTP/1.1; else empty. A list with HTTP or TLS in
	// it, such as "h2c", is ignored: the client could then send requests to the target that the gateway does not see.
	Upgrade string
	// Continue reports "Expect: 100-continue" in HTTP/1.1. The field stays in Header. Another expectation is an Invalid
	// with status 417.
	Continue bool
	// Trailers reports "TE: trailers", named by Connection or not.
	Trailers bool
	// ConnAuth reports credentials of a scheme that authenticates the connection in place of the request, such as NTLM (RFC
	// 4559 section 6): from then on the connection to the target must serve no other client.
	ConnAuth bool
}

// Response is the head of a response. Its strings are borrowed from the buffer that was parsed.
type Response struct {
	Minor, Status int
	Reason        string
	// Header has the fields to forward: without those of header.Hop and those that Connection names.
	Header header.Header
	// Length is that of the body by RFC 9112 section 6.3: 0 when there is none, Chunked or UntilClose. For a response that
	// cannot have a body (to HEAD, 1xx, 204, 304) it is 0, and Declared is the Content-Length.
	Length int64
	// Declared is the value of Content-Length, or -1 without one.
	Declared int64
	// Promised reports that a response which cannot have a body has fields that announce one. A broken target may send it.
	Promised bool
	// Close reports that the connection cannot be used for another exchange.
	Close bool
	// Upgrade is the value of the Upgrade field if Connection names it, in HTTP/1.1; else empty.
	Upgrade string
	// ConnAuth reports that the target offers or accepted a scheme that authenticates the connection, see Request.ConnAuth.
	// Handshake reports a challenge of such a scheme, to which the client must respond over the same connection.
	ConnAuth, Handshake bool
}
