// Package engine forwards HTTP between clients and targets: it accepts connections, reads requests, passes each to a
// handler as an exchange, and forwards it to the target that the handler chooses. It has its own HTTP/1.1 on both
// sides; HTTP/2 and TLS are those of the standard library, and QUIC is quic-go's, behind the same exchange. It knows nothing of routes,
// prefixes or pages. The policy worth stating: messages that are invalid by the RFCs are refused, and never forwarded.
package engine

import (
	"crypto/tls"
	"log/slog"
	"time"

	announce "gateway/proxy/peer"
)

// Config configures an engine. A duration or limit of 0 means its default. A negative duration means no limit; of the
// limits, only Kept may be negative.
type Config struct {
	// Handler is required.
	Handler Handler
	// TLS is for the listeners that are served with it. The engine puts the versions of HTTP before its NextProtos.
	TLS *tls.Config
	// ConnLimiter may be nil: then there is no limit.
	ConnLimiter ConnLimiter
	// Announced are the proxies whose connections begin with a PROXY header that has the client's address, before TLS.
	// A connection without one ends without a response. Nil is none.
	Announced *announce.Networks
	// Log may be nil: then nothing is logged.
	Log *slog.Logger
	Timeouts
	Limits
}

// withDefaults replaces 0 with defaults, and then negative values with 0.
func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&c.Timeouts.Head, 10 * time.Second},
		{&c.Idle, 2 * time.Minute},
		{&c.Body, time.Minute},
		{&c.Write, time.Minute},
		{&c.Connect, 5 * time.Second},
		{&c.Response, 2 * time.Minute},
		{&c.Pause, 0},
		{&c.Keep, 90 * time.Second},
		{&c.Quiet, 100 * time.Millisecond},
		{&c.Total, 0},
	} {
		*d.value = orDefault(*d.value, d.usual)
	}
	c.Limits.Head = orDefault(c.Limits.Head, 64<<10)
	c.ResponseHead = orDefault(c.ResponseHead, 256<<10)
	c.Fields = orDefault(c.Fields, 128)
	c.Kept = orDefault(c.Kept, 1024)
	return c
}

func orDefault[T ~int | ~int64](value, usual T) T {
	if value == 0 {
		return usual
	}
	return max(value, 0)
}

// tick is the precision of timeouts: an eighth of the shortest, between 5 and 250 ms.
func (c Config) tick() time.Duration {
	shortest := 2 * time.Second
	for _, d := range []time.Duration{c.Timeouts.Head, c.Idle, c.Body, c.Write, c.Response, c.Pause, c.Keep, c.Total} {
		if d > 0 {
			shortest = min(shortest, d)
		}
	}
	return max(shortest/8, 5*time.Millisecond)
}

// Timeouts limit how long the engine waits. A timeout may be late by two ticks: a quarter of the shortest timeout, and
// at most half a second.
type Timeouts struct {
	// Head is how long a client may take to send the head of a request, from its first byte on, and before that for the
	// TLS handshake. The connection then ends without a response. HTTP/2 uses Idle instead. Default 10 s.
	Head time.Duration
	// Idle is how long a connection stays open between two requests, and before the first. A client of HTTP/2 that
	// sends nothing for that long gets a ping, even with requests under way. Default 2 min.
	Idle time.Duration
	// Body is how long a client may pause while the engine waits for its body. Default 1 min.
	Body time.Duration
	// Write is how long a client may pause in reading a response, or what comes over an upgraded connection. Default 1
	// min.
	Write time.Duration
	// Connect is how long a target may take to accept a connection, and then again for its TLS handshake. Default 5 s.
	Connect time.Duration
	// Response is how long a target may pause in reading a request, and then how long it may take from the end of the
	// request to the head of its final response. Default 2 min.
	Response time.Duration
	// Pause is how long a target may pause in sending a body. Default none, since server-sent events may be silent.
	Pause time.Duration
	// Keep is how long an unused connection to a target is kept. Default 90 s.
	Keep time.Duration
	// Quiet is how long the first connections to a target must be silent after a response before connections to that
	// target are reused: late bytes would be taken for the response to another request. Default 100 ms.
	Quiet time.Duration
	// Total limits a whole exchange, from the head of its request on, except upgraded connections. Default none.
	Total time.Duration
}

// Limits limit the size of messages and the number of connections.
type Limits struct {
	// Head is the most bytes in the head of a request. Default 64 KiB.
	Head int
	// ResponseHead is the same for a response. Default 256 KiB. Before the final response may come 1000 informational
	// ones (1xx) of 1 MiB in all.
	ResponseHead int
	// Fields is the most field lines in the head of a request; a response may have four times as many. Default 128.
	Fields int
	// Kept is the most unused connections kept for each target. Default 1024; a negative one is none.
	Kept int
}

// Handler handles exchanges. It is called by many goroutines at once.
type Handler interface {
	// Serve completes the response before it returns: by Reply, by a Forward that returned nil, or by Abort. If it does
	// not, the exchange is aborted.
	Serve(x *Exchange)
	// Refuse responds, by Reply, to an invalid request. x.Request has only what could be parsed, none of it to be
	// trusted. The connection then ends; over HTTP/2, only the stream.
	Refuse(x *Exchange, r *Refusal)
}

// Refusal is why a request is not forwarded.
type Refusal struct {
	// Status is 400, 414, 417, 431, 501 or 505, or that of the ConnLimiter. There is no 408 (RFC 9110 section 15.5.9):
	// a slow client gets no response.
	Status int
	// Reason says what is wrong, with the section of the RFC.
	Reason string
}

// Scheme is the protocol of a target.
type Scheme string

// The schemes. Certificates of HTTPS targets are not verified: containers use self-signed ones, for names that clients
// never see, and the networks between are local to the machine.
const (
	HTTP  Scheme = "http"
	HTTPS Scheme = "https"
	H2C   Scheme = "h2c"
)
