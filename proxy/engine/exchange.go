package engine

import (
	"crypto/tls"
	"crypto/x509"
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

// Exchange is one request and its response, in any version of HTTP. It belongs to the goroutine that serves it, and is
// reused afterwards: nothing of it may be kept. Clone a string to keep it.
type Exchange struct {
	Request Request
	// Local belongs to the handler. It stays when the exchange is reused, so that its memory is too.
	Local any
	// Connect limits how long the next Forward may take to connect, in place of Timeouts.Connect if it is more than 0.
	// For targets of H2C, the shorter one applies.
	Connect time.Duration

	engine *Engine
	client client
	// body is that of the client, nil when there is none or when all of it is in whole.
	body io.Reader
	// These are for clients of HTTP/1.1: the input, the output, and the parts of the request.
	inbox  inbox
	writer responseWriter
	head   http1.Request
	reader bodyReader
	// whole is a body that arrived with the head.
	whole []byte
	// claimed is the memory claimed for a buffered body.
	claimed int64
	// spliced is the body if it can be spliced, else nil.
	spliced *bodyReader
	// bodyFailure is that of the request's body.
	bodyFailure
	// trailer has the trailer fields of the body once it was read, nil if there can be none.
	trailer trailed
	// deadline is when the exchange has to end, zero for never.
	deadline time.Time

	// response and its body's decoder are those of the target.
	response http1.Response
	decoder  http1.Decoder
	wraps    []func(Sink) Sink
	// forwarding is the one under way, while Forward lasts.
	forwarding forwarding

	// status is that of the response. relayed reports that the response is the target's; reason is then its reason,
	// which may be empty.
	status  int
	reason  string
	relayed bool
	// length is that of the body of the target's response, -1 if it is unknown.
	length int64
	sent   int64
	// received is the number of bytes read of the request's body, counted by whatever reads it.
	received atomic.Int64
	phase    phase
	stream   bool

	// out waits to be written, first to the target and then to the client; back is memory to read into.
	out  []byte
	back []byte

	memory
}

// memory is what an exchange reads into and writes from, as long as it is large enough.
type memory struct {
	in   [4 << 10]byte
	outs [8 << 10]byte
	back [8 << 10]byte
}

// phase is the progress of a response.
type phase uint8

const (
	asked phase = iota
	// begun: the client was given the head.
	begun
	// ended: the client was given all of it.
	ended
	// aborted: it was aborted.
	aborted
)

// TLS is what a handshake settled. It is immutable.
type TLS struct {
	// ServerName is the host that the client named (RFC 6066 section 3), in lower case; empty for none.
	ServerName string
	// Chains are the verified chains of the client's certificate, nil when it was not asked for one.
	Chains [][]*x509.Certificate
}

// newTLS returns what a handshake settled.
func newTLS(state *tls.ConnectionState) *TLS {
	return &TLS{ServerName: strings.ToLower(state.ServerName), Chains: state.VerifiedChains}
}

// Request is the client's request. All strings are borrowed.
type Request struct {
	Method string
	// Target is the request target as it was sent; of HTTP/2, its :path.
	Target string
	// Path and Query are those of Target, byte for byte; Query starts with its "?" when there is one.
	Path, Query string
	// Host is the authority of the request as it was sent. HTTP/1.0 may have none.
	Host string
	// Header has the fields to forward: without those of header.Hop, those that Connection names, and Host. Those of
	// HTTP/2 are sorted by name, and spelled as in HTTP/1.1.
	Header header.Header
	// Peer is the client's address without port and zone; IPv4 is not mapped into IPv6.
	Peer string
	// Addr is Peer as a number, invalid for a peer that is not on a network.
	Addr netip.Addr
	// Secure reports that the client uses TLS.
	Secure bool
	// TLS is what the handshake of the connection settled, nil for a connection without TLS. It is shared by the requests
	// of the connection.
	TLS *TLS
	// Major and Minor are the version of HTTP.
	Major, Minor int
	// Length is that of the body: 0 when there is none, -1 if it is unknown.
	Length int64
	// Upgrade is the protocol that the client wants to switch to, such as "websocket"; empty for none. An extended
	// CONNECT of HTTP/2 (RFC 8441) is a GET with its protocol here.
	Upgrade string
	// Trailers reports that the client accepts trailer fields.
	Trailers bool
	// ConnAuth reports credentials that authenticate the connection, such as those of NTLM: the request gets a
	// connection to the target that is pinned to the client's, see Exchange.Pinned.
	ConnAuth bool
}

// Hooks edit heads. They are called on the goroutine of Forward.
type Hooks interface {
	// Outgoing edits the header for the target, a copy of Request.Header, without Host and framing. It is called once
	// in each Forward that finds a connection; for a target of H2C, before there is one.
	Outgoing(h *header.Header)
	// Incoming edits the header of the response, and of every informational response (1xx) before it. Its strings are
	// valid until it returns: their memory is then reused for the body. From here on Exchange.Transform may be called.
	Incoming(status int, h *header.Header)
	// Accepts is asked about each final response to a request that is Repeatable, before Incoming. If it returns false,
	// nothing is sent to the client, and Forward returns ErrDeclined.
	Accepts(status int) bool
}

// Sink receives the body of a response in pieces.
type Sink interface {
	io.Writer
	// Flush sends what was written so far: there may be a pause.
	Flush() error
	// Close ends the body. It is called once, and not for a truncated body.
	Close() error
}

// errBegun is the error of a second response.
var errBegun = errors.New("the exchange has a response already")

// Reply sends a response with a complete body, which HEAD does not get. It adds framing and Date to h, which it does
// not keep. It is an error if the response has begun, see Began.
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

// sink returns what receives the body of the response: the transformers, of which the last one is nearest to the
// target.
func (x *Exchange) sink() Sink {
	sink := Sink(base{x})
	for _, wrap := range x.wraps {
		sink = wrap(sink)
	}
	return sink
}

// Await waits for the turn, up to d if that is more than 0. It is called before Forward. The error is ErrTimeout when
// the time is over, and ErrDisconnected when the client disconnected or the engine ends.
func (x *Exchange) Await(turn <-chan struct{}, d time.Duration) error {
	disconnected := make(chan struct{})
	x.client.watch(socket.NewInterruption(sync.OnceFunc(func() { close(disconnected) })), queued)
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
		return fmt.Errorf("%w: it waited too long in a queue", ErrTimeout)
	case <-disconnected:
		return fmt.Errorf("%w: it disconnected in a queue", ErrDisconnected)
	case <-x.engine.base.Done():
		return fmt.Errorf("%w: the gateway ends", ErrDisconnected)
	}
}

// Abort ends the exchange so that the client does not take what it got for a complete response.
func (x *Exchange) Abort() {
	if x.phase != ended && x.phase != aborted {
		x.phase = aborted
		x.client.abort()
	}
}

// Receive puts a transformer between the client's body and the target. It is called before Forward. The target does not
// know the length of its output. If it fails, Forward returns its error with ErrReceive.
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

// Transform puts a transformer between the target's body and the client; of several, the last one is nearest to the
// target. It is called from Hooks.Incoming for a final response, or before Reply, and has no effect on a response
// without a body. The caller edits the fields about the body, such as ETag; the engine does the framing.
func (x *Exchange) Transform(wrap func(Sink) Sink) { x.wraps = append(x.wraps, wrap) }

// Began reports that the head of the response was sent, or is about to be.
func (x *Exchange) Began() bool { return x.phase != asked }

// Status is that of the response, 0 while there is none. An upgraded connection has 101.
func (x *Exchange) Status() int { return x.status }

// Length is that of the body of the final response, -1 if the target does not say. It is valid from Hooks.Incoming on.
func (x *Exchange) Length() int64 { return x.length }

// Bytes is the number of bytes sent of the response's body, without those over an upgraded connection.
func (x *Exchange) Bytes() int64 { return x.sent }

// Received is the number of bytes read of the request's body.
func (x *Exchange) Received() int64 { return x.received.Load() }

// Streamed reports that the duration of the exchange says nothing about latency: an upgraded connection, or server-sent
// events.
func (x *Exchange) Streamed() bool { return x.stream }

// begin starts the final response.
func (x *Exchange) begin(status int, h header.Header, length int64) error {
	x.phase, x.status = begun, status
	if kind, found := h.First(header.ContentType); found {
		x.stream = x.stream || eventStream(kind)
	}
	if status == http.StatusNoContent {
		// A 204 must not have one (RFC 9110 section 8.6), whatever the target sends.
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

// connectTimeout is how long connecting to a target may take.
func (x *Exchange) connectTimeout() time.Duration {
	if x.Connect > 0 {
		return x.Connect
	}
	return x.engine.config.Connect
}

// left is d, or the time until the deadline of the exchange if that is shorter.
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

// setTimeout limits the next waits on a socket to d, or to the time until the deadline if that is shorter. After the
// deadline it interrupts the socket, even if bytes arrive all the time.
func (x *Exchange) setTimeout(s *socket.Socket, d time.Duration) {
	if !x.deadline.IsZero() && time.Until(x.deadline) <= 0 {
		s.Interrupt()
		return
	}
	s.Within(x.left(d))
}

// reset prepares the exchange for another request and keeps its memory.
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
