package engine

import (
	"io"

	"gateway/proxy/header"
)

// Exchange is one request and its answer, whatever version of HTTP brought it. It belongs to the goroutine that serves
// it, and is used again for another one afterwards: nothing of it may be kept, and strings that are are cloned.
type Exchange struct {
	Request Request
	// Local is the handler's own. It stays when the exchange is used again, so that its memory is too.
	Local any
}

// Request is what the visitor asks for. All strings are borrowed.
type Request struct {
	Method string
	// Target is the request target as it was sent; of HTTP/2, its :path.
	Target string
	// Path and Query are those of Target, byte for byte; Query starts with its "?" when there is one.
	Path, Query string
	// Host is the authority that was asked for, as it was sent. HTTP/1.0 may have none.
	Host string
	// Header has the fields that are passed on: none of header.Hop, none that Connection names, and no Host.
	Header header.Header
	// Peer is the visitor's address without port and zone; IPv4 is not mapped into IPv6.
	Peer string
	// Secure reports that the visitor uses TLS.
	Secure bool
	// Major and Minor are the version of HTTP.
	Major, Minor int
	// Length is that of the body: 0 when there is none, -1 when it is not known.
	Length int64
	// Upgrade is the protocol that the visitor wants to change to, such as "websocket"; empty for none. An extended
	// CONNECT of HTTP/2 (RFC 8441) comes as a GET with its protocol here.
	Upgrade string
	// Trailers reports that the visitor takes trailer fields.
	Trailers bool
}

// Hooks edit heads as they pass. They are called on the goroutine of Forward.
type Hooks interface {
	// Outgoing edits the header that the target gets. Host and framing are not in it.
	Outgoing(h *header.Header)
	// Incoming edits the header of the answer, and of every informational answer (1xx) before it. From here
	// Exchange.Transform may be called.
	Incoming(status int, h *header.Header)
}

// Sink takes the body of an answer, piece by piece.
type Sink interface {
	io.Writer
	// Flush passes on what was written so far: more may be long in coming.
	Flush() error
	// Close ends the body. It is called once, and not when the body broke off.
	Close() error
}

// Reply answers with a whole body, which HEAD does not get. Framing and Date are added to h, which is not kept. It is an
// error to reply when the answer has begun; Began tells.
func (x *Exchange) Reply(status int, h header.Header, body []byte) error { panic("to be written") }

// Forward sends the request to the target and its answer to the visitor, and returns nil when the answer was sent in
// full; for an upgraded connection, when it ended. path is the escaped path to ask for, sent byte for byte, with the
// query of the request. The error wraps one of the package's, and nothing was sent to the visitor then, except with
// ErrBroken.
func (x *Exchange) Forward(to *Upstream, path string, hooks Hooks) error { panic("to be written") }

// Abort breaks the exchange off so that the visitor cannot take what came of the answer for all of it.
func (x *Exchange) Abort() { panic("to be written") }

// Receive puts a transformer between the visitor's body and the target. It is called before Forward. The length of what
// comes out of it is unknown to the target.
func (x *Exchange) Receive(wrap func(io.Reader) io.Reader) { panic("to be written") }

// Transform puts a transformer between the target's body and the visitor; of several, the last is nearest to the target.
// It is called from Hooks.Incoming for a final answer, and does nothing for one that has no body. The
// transformer decides about fields that describe the body, such as ETag; framing is the engine's.
func (x *Exchange) Transform(wrap func(Sink) Sink) { panic("to be written") }

// Began reports that the head of the answer was sent, or is about to be.
func (x *Exchange) Began() bool { panic("to be written") }

// Status is that of the answer, 0 as long as there is none. An upgraded connection has 101.
func (x *Exchange) Status() int { panic("to be written") }

// Bytes is how much of the answer's body was sent. What goes over an upgraded connection is not counted.
func (x *Exchange) Bytes() int64 { panic("to be written") }

// Streamed reports that the duration of the exchange says nothing about latency: an upgraded connection or
// server-sent events.
func (x *Exchange) Streamed() bool { panic("to be written") }
