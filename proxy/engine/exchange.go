package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// Exchange is one request and its response, whatever version of HTTP brought it. It belongs to the goroutine that serves
// it, and is used again for another one afterwards: nothing of it may be kept, and who keeps a string clones it.
type Exchange struct {
	Request Request
	// Local is the handler's own. It stays when the exchange is used again, so that its memory is too.
	Local any
	// Connect bounds how long the next Forward may take to connect, in place of Timeouts.Connect if it is more than 0. For
	// targets of H2C the shorter of both holds.
	Connect time.Duration

	engine *Engine
	client client
	// body is the client's as it comes, nil when there is none or when all of it is in whole.
	body io.Reader
	// These are for a client that speaks HTTP/1.1: what was read, what writes, and the parts of the request.
	inbox  inbox
	writer responseWriter
	head   http1.Request
	reader bodyReader
	// whole is a body that came together with the head.
	whole []byte
	// claimed is how much memory is claimed for a body that was counted.
	claimed int64
	// spliced is where the body can be moved from without looking at it, if it can.
	spliced *bodyReader
	// bodyFailure is of the body.
	bodyFailure
	// trailer has the trailer fields of the body once it was read, nil when there can be none.
	trailer trailed
	// deadline is when the exchange has to end, zero for never.
	deadline time.Time

	// response and its body's decoder are those of the target.
	response http1.Response
	decoder  http1.Decoder
	wraps    []func(Sink) Sink
	// forwarding is the one to the target, while Forward lasts.
	forwarding forwarding

	// status is that of the response. reason is the target's, which may be empty, if the response is relayed.
	status  int
	reason  string
	relayed bool
	// length is that of the body of the target's response, -1 when it is not known.
	length int64
	sent   int64
	// received is how much of the request's body was read. Who sends it on counts.
	received atomic.Int64
	phase    phase
	stream   bool

	// out is what waits to be written, first to the target and then to the client; back is memory to read into.
	out  []byte
	back []byte

	memory
}

// memory is what an exchange reads into and writes from as long as that is enough.
type memory struct {
	in   [4 << 10]byte
	outs [8 << 10]byte
	back [8 << 10]byte
}

// phase is how far a response is.
type phase uint8

const (
	asked phase = iota
	// begun: the head was given to the client.
	begun
	// ended: all of it was.
	ended
	// aborted: it was broken off.
	aborted
)

// Request is what the client asks for. All strings are borrowed.
type Request struct {
	Method string
	// Target is the request target as it was sent; of HTTP/2, its :path.
	Target string
	// Path and Query are those of Target, byte for byte; Query starts with its "?" when there is one.
	Path, Query string
	// Host is the authority that was asked for, as it was sent. HTTP/1.0 may have none.
	Host string
	// Header has the fields that are passed on: none of header.Hop, none that Connection names, and no Host. Those of
	// HTTP/2 are sorted by their names, which are spelled as in HTTP/1.1.
	Header header.Header
	// Peer is the client's address without port and zone; IPv4 is not mapped into IPv6.
	Peer string
	// Addr is Peer as a number; it is not valid for a peer that is not on a network.
	Addr netip.Addr
	// Secure reports that the client uses TLS.
	Secure bool
	// Major and Minor are the version of HTTP.
	Major, Minor int
	// Length is that of the body: 0 when there is none, -1 when it is not known.
	Length int64
	// Upgrade is the protocol that the client wants to change to, such as "websocket"; empty for none. An extended
	// CONNECT of HTTP/2 (RFC 8441) comes as a GET with its protocol here.
	Upgrade string
	// Trailers reports that the client takes trailer fields.
	Trailers bool
	// ConnAuth reports credentials that authenticate the connection, such as those of NTLM: it gets a connection to the
	// target of its own, see Exchange.Bound.
	ConnAuth bool
}

// Hooks edit heads as they pass. They are called on the goroutine of Forward.
type Hooks interface {
	// Outgoing edits the header that the target gets, a copy of Request.Header. Host and framing are not in it. It is
	// called once in each Forward that finds a connection; for a target of H2C before there is one.
	Outgoing(h *header.Header)
	// Incoming edits the header of the response, and of every informational response (1xx) before it. Its strings are valid
	// until it returns: the memory that they are borrowed from is used for the body. From here
	// Exchange.Transform may be called.
	Incoming(status int, h *header.Header)
	// Accepts is asked about each final response to a request that is Repeatable, before Incoming. If it returns false,
	// nothing is sent to the client and Forward returns ErrDeclined.
	Accepts(status int) bool
}

// Sink takes the body of a response, piece by piece.
type Sink interface {
	io.Writer
	// Flush passes on what was written so far: more may be long in coming.
	Flush() error
	// Close ends the body. It is called once, and not when the body broke off.
	Close() error
}

// errBegun is a second answer.
var errBegun = errors.New("the exchange has an answer already")

// Reply answers with a whole body, which HEAD does not get. Framing and Date are added to h, which is not kept. It is an
// error to reply when the response has begun; Began tells.
func (x *Exchange) Reply(status int, h header.Header, body []byte) error {
	if x.Began() {
		return errBegun
	}
	length := int64(len(body))
	if !bodied(status) || len(x.wraps) > 0 {
		length = -1
	}
	if err := x.begin(status, h, length); err != nil {
		return err
	}
	if x.Request.Method == http.MethodHead || !bodied(status) {
		return x.end(nil)
	}
	sink := x.sink()
	if _, err := sink.Write(body); err != nil {
		return undeliverable(x, err)
	}
	if err := sink.Close(); err != nil {
		return failResponse(x, err)
	}
	return x.end(nil)
}

// sink is what takes the body of the response: the transformers, the last one nearest to where it comes from.
func (x *Exchange) sink() Sink {
	sink := Sink(base{x})
	for _, wrap := range x.wraps {
		sink = wrap(sink)
	}
	return sink
}

// Await waits for the turn, for that long at most if d is more than 0, and before anything is forwarded. The error is
// ErrTimeout when the time is over, and ErrDisconnected when the client left meanwhile or the engine ends.
func (x *Exchange) Await(turn <-chan struct{}, d time.Duration) error {
	gone := make(chan struct{})
	x.client.watch(socket.NewInterruption(sync.OnceFunc(func() { close(gone) })), queued)
	defer x.client.unwatch()
	var late <-chan time.Time
	if d = x.left(d); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-turn:
		return nil
	case <-late:
		return fmt.Errorf("%w: nobody had time for it", ErrTimeout)
	case <-gone:
		return fmt.Errorf("%w: it left while it waited", ErrDisconnected)
	case <-x.engine.base.Done():
		return fmt.Errorf("%w: the gateway ends", ErrDisconnected)
	}
}

// Abort breaks the exchange off so that the client cannot take what came of the response for all of it.
func (x *Exchange) Abort() {
	if x.phase != ended && x.phase != aborted {
		x.phase = aborted
		x.client.abort()
	}
}

// Receive puts a transformer between the client's body and the target. It is called before Forward. The length of what
// comes out of it is unknown to the target. When it fails, Forward returns that error with ErrReceive.
func (x *Exchange) Receive(wrap func(io.Reader) io.Reader) {
	body := x.body
	if body == nil {
		if len(x.whole) == 0 {
			return
		}
		body = strings.NewReader(string(x.whole))
		x.whole = nil
	}
	read := &errorKeeper{Reader: body}
	x.body, x.spliced, x.trailer, x.Request.Length = &transformed{wrap(read), read}, nil, nil, -1
}

// Transform puts a transformer between the target's body and the client; of several, the last is nearest to the target.
// It is called from Hooks.Incoming for a final response, or before Reply, and does nothing for one that has no body. The
// transformer decides about fields that describe the body, such as ETag; framing is the engine's.
func (x *Exchange) Transform(wrap func(Sink) Sink) { x.wraps = append(x.wraps, wrap) }

// Began reports that the head of the response was sent, or is about to be.
func (x *Exchange) Began() bool { return x.phase != asked }

// Status is that of the response, 0 as long as there is none. An upgraded connection has 101.
func (x *Exchange) Status() int { return x.status }

// Length is the length of the body of the final response, -1 when the target does not say it. It is valid from
// Hooks.Incoming on.
func (x *Exchange) Length() int64 { return x.length }

// Bytes is how much of the response's body was sent. What goes over an upgraded connection is not counted.
func (x *Exchange) Bytes() int64 { return x.sent }

// Received is how much of the request's body was read.
func (x *Exchange) Received() int64 { return x.received.Load() }

// Streamed reports that the duration of the exchange says nothing about latency: an upgraded connection or
// server-sent events.
func (x *Exchange) Streamed() bool { return x.stream }

// begin starts the final response.
func (x *Exchange) begin(status int, h header.Header, length int64) error {
	x.phase, x.status = begun, status
	if kind, found := h.First(header.ContentType); found {
		x.stream = x.stream || eventStream(kind)
	}
	if status == http.StatusNoContent {
		// It may not tell one (RFC 9110 section 8.6), whatever the target does.
		length = -1
	}
	if err := x.client.begin(status, h, length); err != nil {
		return x.clientFailed(err)
	}
	return nil
}

// end completes the response.
func (x *Exchange) end(trailers header.Header) error {
	if err := x.client.end(trailers); err != nil {
		return x.clientFailed(err)
	}
	x.phase = ended
	return nil
}

// bodied reports whether a response of that status has a body (RFC 9110 section 6.4.1).
func bodied(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// eventStream reports whether a media type is that of server-sent events.
func eventStream(kind string) bool {
	const events = "text/event-stream"
	return len(kind) >= len(events) && header.EqualFold(kind[:len(events)], events) &&
		(len(kind) == len(events) || kind[len(events)] == ';' || kind[len(events)] == ' ')
}

// patience is how long connecting to a target may take.
func (x *Exchange) patience() time.Duration {
	if x.Connect > 0 {
		return x.Connect
	}
	return x.engine.config.Connect
}

// left is how long the exchange may still take when nothing else bounds it: the smaller of its deadline and d.
func (x *Exchange) left(d time.Duration) time.Duration {
	if x.deadline.IsZero() {
		return d
	}
	rest := max(time.Until(x.deadline), time.Nanosecond)
	if d <= 0 {
		return rest
	}
	return min(d, rest)
}

// setTimeout gives what is awaited over a socket d, or what is left to the exchange if that is less. When nothing is left the
// socket is interrupted, also when bytes come all the time.
func (x *Exchange) setTimeout(s *socket.Socket, d time.Duration) {
	if !x.deadline.IsZero() && time.Until(x.deadline) <= 0 {
		s.Interrupt()
		return
	}
	s.Within(x.left(d))
}

// reset makes the exchange ready for another request; what it has in memory stays.
func (x *Exchange) reset() {
	x.Request.Header = x.Request.Header[:0]
	x.body, x.whole, x.spliced, x.trailer = nil, nil, nil, nil
	x.status, x.reason, x.relayed, x.sent, x.phase, x.stream = 0, "", false, 0, asked, false
	x.out, x.back = x.outs[:0], x.memory.back[:]
	x.bodyFailure.clearFailure()
	if x.wraps != nil {
		clear(x.wraps)
		x.wraps = x.wraps[:0]
	}
	x.received.Store(0)
	x.deadline, x.Connect = time.Time{}, 0
	if total := x.engine.config.Total; total > 0 {
		x.deadline = time.Now().Add(total)
	}
}
