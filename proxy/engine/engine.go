// Package engine carries HTTP between clients and targets: it accepts connections, reads requests, hands each to a
// handler as an exchange, and sends it on to the target that the handler names. HTTP/1.1 is its own on both sides;
// HTTP/2 and TLS are the standard library's behind the same exchange. It knows nothing of routes, prefixes or pages. The
// one policy worth stating: what is not HTTP as the RFCs have it is refused, and never passed on.
package engine

import (
	"crypto/tls"
	"log/slog"
	"time"

	announce "gateway/proxy/peer"
)

// Config says how an engine serves. A duration or limit of 0 means its default. A negative duration means that nothing
// bounds the wait; of the limits, Kept alone may be negative.
type Config struct {
	// Handler is required.
	Handler Handler
	// TLS is for the listeners that are served with it. The engine puts the versions of HTTP before its NextProtos.
	TLS *tls.Config
	// ConnLimiter may be nil: then everybody may connect.
	ConnLimiter ConnLimiter
	// Announced are those whose connections begin with a PROXY header that says who the client is, before TLS. One that
	// does not begin so ends without a response. Nil is nobody.
	Announced *announce.Networks
	// Log may be nil: nothing is logged then.
	Log *slog.Logger
	Timeouts
	Limits
}

// withDefaults fills in what was left out, and turns what is none into 0.
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

// tick is how exact timeouts are: an eighth of the shortest, between 5 and 250 ms.
func (c Config) tick() time.Duration {
	shortest := 2 * time.Second
	for _, d := range []time.Duration{c.Timeouts.Head, c.Idle, c.Body, c.Write, c.Response, c.Pause, c.Keep, c.Total} {
		if d > 0 {
			shortest = min(shortest, d)
		}
	}
	return max(shortest/8, 5*time.Millisecond)
}

// Timeouts bound how long the engine waits. One may run late by two ticks: by a quarter of the shortest, and by half a
// second at most.
type Timeouts struct {
	// Head is how long a client may take to send the head of a request, from its first byte on, and before it for the
	// TLS handshake. The connection then ends without a response. HTTP/2 has Idle in its place. Default 10 s.
	Head time.Duration
	// Idle is how long a connection stays open between two requests, and before its first. Clients of HTTP/2 who send
	// nothing for as long are asked whether they are still there, whatever is under way. Default 2 min.
	Idle time.Duration
	// Body is how long a client may send nothing of a body that is awaited. Default 1 min.
	Body time.Duration
	// Write is how long a client may take nothing of a response, or of what comes over an upgraded connection. Default
	// 1 min.
	Write time.Duration
	// Connect is how long a target may take to accept a connection, and then for its TLS handshake. Default 5 s.
	Connect time.Duration
	// Response is how long a target may take nothing of a request, and then how long from its end to the head of the final
	// answer. Default 2 min.
	Response time.Duration
	// Pause is how long a target may send nothing of a body. Default none, since server-sent events may be silent.
	Pause time.Duration
	// Keep is how long an unused connection to a target is kept. Default 90 s.
	Keep time.Duration
	// Quiet is how long the first connections to a target must be silent after a response before connections to that target
	// are used again: what comes late would be taken for the response to another request. Default 100 ms.
	Quiet time.Duration
	// Total bounds a whole exchange from the head of its request on, upgraded connections excepted. Default none.
	Total time.Duration
}

// Limits bound what is taken in.
type Limits struct {
	// Head is the most bytes that the head of a request may have. Default 64 KiB.
	Head int
	// ResponseHead is the same for the head of a response. Default 256 KiB. Before the final response may come 1000
	// informational ones (1xx), of 1 MiB in all.
	ResponseHead int
	// Fields is the most field lines that the head of a request may have; a response may have four times as many. Default
	// 128.
	Fields int
	// Kept is the most unused connections that are kept for each target. Default 1024; a negative one is none.
	Kept int
}

// Handler decides what becomes of exchanges. It is called by many goroutines at once.
type Handler interface {
	// Serve answers the exchange before it returns: by Reply, by a Forward that returned nil, or by Abort. An exchange
	// that was not answered is aborted.
	Serve(x *Exchange)
	// Refuse answers, by Reply, what is no request as the RFCs have it. Of x.Request only what could be read is there,
	// and nothing of it may be relied on. Afterwards the connection ends, over HTTP/2 the stream alone.
	Refuse(x *Exchange, r *Refusal)
}

// Refusal is why a request is not passed on.
type Refusal struct {
	// Status is 400, 414, 417, 431, 501 or 505, or what the ConnLimiter said. There is no 408 (RFC 9110 section 15.5.9): who is slow gets no response.
	Status int
	// Reason says what is wrong, with the section of the RFC that says so.
	Reason string
}

// Scheme is how a target is spoken to.
type Scheme string

// The schemes. Certificates of HTTPS targets are not verified: containers sign their own, for names that clients
// never see, and the networks between are the machine's own.
const (
	HTTP  Scheme = "http"
	HTTPS Scheme = "https"
	H2C   Scheme = "h2c"
)
