// Package forward carries one request to one target and the answer back. It knows connections, timeouts and what
// became of an exchange; it knows nothing of routes, prefixes or pages, and has no opinion on headers: its caller
// edits them in two places. It is the seam behind which the engine can be replaced.
package forward

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	"gateway/proxy/route"
)

const (
	// ConnectTimeout is how long a target may take to accept a connection, and then for its TLS handshake.
	ConnectTimeout = 5 * time.Second
	// HeadTimeout is how long a target may take from the end of the request to the head of its answer. It is twice
	// what is usual, for the long jobs that apps do inside one request; the body may then take any time.
	HeadTimeout = 2 * time.Minute
	// idleTimeout is how long an unused connection to a target is kept.
	idleTimeout = 90 * time.Second
)

// What can become of an exchange that was not answered. Nothing was sent to the visitor then.
var (
	// ErrConnect says that the target could not be reached; ErrTimeout is there too when it took longer than
	// ConnectTimeout. Nothing was sent to it and nothing of the request's body was read, so another may be tried.
	ErrConnect = errors.New("cannot connect to the target")
	// ErrTimeout says that the target took longer than ConnectTimeout or HeadTimeout.
	ErrTimeout = errors.New("the target did not answer in time")
	// ErrAnswer says that the target broke the connection or answered what is not HTTP.
	ErrAnswer = errors.New("the target did not answer properly")
	// ErrRequest says that the visitor's request is malformed or broke off in its body.
	ErrRequest = errors.New("the request cannot be read")
	// ErrGone says that the visitor is gone and needs no answer.
	ErrGone = errors.New("the visitor is gone")
)

// Exchange is what to send where.
type Exchange struct {
	Scheme route.Scheme
	// Address is the target's host:port.
	Address string
	// Path is the escaped path to ask for, sent byte for byte as long as it is a path that HTTP can carry. The query
	// is the request's own, byte for byte.
	Path string
	// Outgoing edits the request's header when hop-by-hop fields are gone already, so nothing that a client writes into
	// Connection touches what it sets. The Host is passed on as the client sent it.
	Outgoing func(http.Header)
	// Incoming edits the head of the answer, and of every informational answer (1xx) before it.
	Incoming func(status int, h http.Header)
}

// Engine carries exchanges, over connections that all of them share. It is safe for concurrent use.
type Engine struct {
	plain, tls, h2c *http.Transport
	buffers         *buffers
	log             *slog.Logger
}

// New prepares an engine. Certificates of https targets are not verified: containers sign their own, for names that
// visitors never see, and the networks between are the engine's.
func New(log *slog.Logger) *Engine {
	return &Engine{
		plain:   plainTransport(),
		tls:     tlsTransport(),
		h2c:     h2cTransport(),
		buffers: &buffers{},
		log:     log,
	}
}

// Close closes the connections that are not in use.
func (e *Engine) Close() {
	for _, transport := range []*http.Transport{e.plain, e.tls, e.h2c} {
		transport.CloseIdleConnections()
	}
}

// Forward sends the request to the target and its answer to w, and returns when the answer was sent in full; for an
// upgraded connection, when either side closed it. The error wraps one of the package's. A target that breaks off in
// the middle of its answer makes it panic with http.ErrAbortHandler, so that the server breaks off too.
func (e *Engine) Forward(w http.ResponseWriter, r *http.Request, x *Exchange) error {
	head := &headWriter{ResponseWriter: w, incoming: x.Incoming}
	r, body := watchBody(r)
	var failed error
	var readable bool
	carrier := httputil.ReverseProxy{
		Transport:     e.transport(x.Scheme),
		FlushInterval: -1,
		BufferPool:    e.buffers,
		ErrorLog:      slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			readable = true
			address(p.Out.URL, p.In.URL, x)
			x.Outgoing(p.Out.Header)
		},
		ModifyResponse: func(resp *http.Response) error {
			x.Incoming(resp.StatusCode, resp.Header)
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
	}
	carrier.ServeHTTP(head, r)
	// After a hijack the connection is not ours to answer on.
	if failed == nil || head.hijacked {
		return nil
	}
	if !readable || body.failed.Load() && r.Context().Err() == nil {
		return fmt.Errorf("%w: %w", ErrRequest, failed)
	}
	return classify(r.Context(), failed)
}

func (e *Engine) transport(scheme route.Scheme) *http.Transport {
	switch scheme {
	case route.HTTPS:
		return e.tls
	case route.H2C:
		return e.h2c
	}
	return e.plain
}

// buffers lends the memory that bodies are copied through.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if kept, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return kept[:]
	}
	return make([]byte, bufferSize)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(buffer []byte) {
	if len(buffer) == bufferSize {
		b.pool.Put((*[bufferSize]byte)(buffer))
	}
}
