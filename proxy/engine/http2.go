package engine

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"gateway/proxy/engine/early"
)

// Package early has turned on extended CONNECT. The library has read the setting when this runs.
var _ = early.Restore()

const (
	// maxStreams is the most exchanges under way on one connection of HTTP/2: the least that RFC 9113 section 6.5.2
	// recommends.
	maxStreams = 100
	// maxUnread is the most bytes of a body that are buffered before it is read, maxUnreadInAll that of all streams of
	// a connection.
	maxUnread, maxUnreadInAll = 128 << 10, 1 << 20
)

// maxFrame is the longest frame that is read: the smallest limit allowed, since each frame takes that much memory.
const maxFrame = 16 << 10

// fieldOverhead is what a field line counts besides its name and value (RFC 9113 section 6.5.2).
const fieldOverhead = 32

// http2Server serves clients that speak HTTP/2 (RFC 9113): the standard library's server handles the frames, and passes
// each request on as an exchange.
type http2Server struct {
	engine  *Engine
	server  *http.Server
	streams sync.Pool

	mu    sync.Mutex
	conns map[net.Conn]*http2Conn
}

func (h *http2Server) prepare(e *Engine) {
	h.engine, h.conns = e, map[net.Conn]*http2Conn{}
	h.streams.New = func() any { return newHTTP2Stream() }
	if e.config.TLS != nil {
		e.config.TLS = e.config.TLS.Clone()
		// Other protocols in the list, such as acme-tls/1, are not for ordinary clients. A client that offers none of
		// all these gets an alert (RFC 7301 section 3.2).
		e.config.TLS.NextProtos = append([]string{"h2", "http/1.1", "http/1.0"}, e.config.TLS.NextProtos...)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	h.server = &http.Server{
		Handler:     h,
		Protocols:   protocols,
		IdleTimeout: e.config.Idle,
		// The library has no other timeout for the preface of a connection without TLS.
		ReadHeaderTimeout: e.config.Timeouts.Head,
		// Up to this limit, the handler refuses heads that are too long. Beyond it, the library ends the connection.
		MaxHeaderBytes:               2*e.config.Limits.Head + e.config.Fields*fieldOverhead,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
		ConnState:                    h.changed,
		ConnContext:                  h.mark,
		// A client that sends nothing for long gets a ping, even with requests under way.
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReadFrameSize: maxFrame, SendPingTimeout: e.config.Idle,
			MaxReceiveBufferPerStream: maxUnread, MaxReceiveBufferPerConnection: maxUnreadInAll,
		},
	}
}

// http2Conn is one connection of a client that speaks HTTP/2. It is the listener from which the library's server
// accepts it.
type http2Conn struct {
	engine *Engine
	client *conn
	stream *frames
	// stopped is closed when the server drains, ended when the connection has ended.
	stopped, ended chan struct{}
	stop           sync.Once

	mu        sync.Mutex
	accepted  bool
	over      bool
	tunnels   int
	exchanges sync.WaitGroup
}

// serveConn serves a connection until it and all its exchanges have ended. stream is a *tls.Conn whose handshake is
// done, or a connection that begins with the preface.
func (h *http2Server) serveConn(c *conn, stream net.Conn) {
	// From here on Shutdown ends the connection, not retire.
	if !c.state.CompareAndSwap(stateNew, stateActive) {
		return
	}
	h.engine.firstArrived(c)
	c.sock.Within(0)
	// The server takes it for a connection without TLS, whatever is below.
	through := newFrames(stream)
	v := &http2Conn{engine: h.engine, client: c, stream: through, stopped: make(chan struct{}), ended: make(chan struct{})}
	h.mu.Lock()
	h.conns[through] = v
	h.mu.Unlock()
	defer h.forget(through)
	c.cork.Serve(func() {
		_ = h.server.Serve(v)
		v.wait()
	})
}

// forget removes a connection.
func (h *http2Server) forget(stream net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, stream)
}

func (h *http2Server) find(stream net.Conn) *http2Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conns[stream]
}

// changed notes that a connection has ended.
func (h *http2Server) changed(stream net.Conn, state http.ConnState) {
	if state != http.StateClosed {
		return
	}
	if v := h.find(stream); v != nil {
		close(v.ended)
	}
}

// onConn is the key of the connection in the contexts of its requests.
type onConn struct{}

func (h *http2Server) mark(ctx context.Context, stream net.Conn) context.Context {
	return context.WithValue(ctx, onConn{}, h.find(stream))
}

// drain tells clients that no new requests are accepted (RFC 9113 section 6.8).
func (h *http2Server) drain() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.server.Shutdown(ended)
}

// leaving reports connections that end by themselves after drain: those without tunnels.
func (h *http2Server) leaving() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.conns {
		if !v.tunnelling() {
			return true
		}
	}
	return false
}

// Accept implements net.Listener: it returns the connection, and then an error once that has ended or the server
// drains.
func (v *http2Conn) Accept() (net.Conn, error) {
	if !v.accepted {
		v.accepted = true
		return v.stream, nil
	}
	select {
	case <-v.stopped:
	case <-v.ended:
	}
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (v *http2Conn) Close() error {
	v.stop.Do(func() { close(v.stopped) })
	return nil
}

// Addr implements net.Listener.
func (v *http2Conn) Addr() net.Addr { return v.client.sock.LocalAddr() }

// secure reports that the client uses TLS.
func (v *http2Conn) secure() bool { return v.client.stream != net.Conn(v.client.sock) }

// wait returns when the connection, if it was accepted, and its exchanges have ended.
func (v *http2Conn) wait() {
	if v.accepted {
		<-v.ended
	}
	v.mu.Lock()
	v.over = true
	v.mu.Unlock()
	v.exchanges.Wait()
}

// beginExchange counts an exchange. It returns false if the connection has ended.
func (v *http2Conn) beginExchange() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return false
	}
	v.exchanges.Add(1)
	v.engine.busy.Add(1)
	return true
}

// tunnel counts tunnels that begin or end. Drain does not wait for them.
func (v *http2Conn) tunnel(change int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tunnels += change
	v.engine.busy.Add(int64(-change))
}

func (v *http2Conn) tunnelling() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.tunnels > 0
}

// endExchange undoes beginExchange.
func (v *http2Conn) endExchange() {
	v.engine.busy.Add(-1)
	v.exchanges.Done()
}

// ServeHTTP implements http.Handler: it serves one exchange.
func (h *http2Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, _ := r.Context().Value(onConn{}).(*http2Conn)
	if v == nil || !v.beginExchange() {
		panic(http.ErrAbortHandler)
	}
	defer v.endExchange()
	if admitted := v.client.admitted; admitted != nil {
		if refusal := admitted.Begin(); refusal != nil {
			v.refuse(w, refusal)
			return
		}
		defer admitted.End()
	}
	s, _ := h.streams.Get().(*http2Stream)
	s.start(v, w, r)
	s.serveExchange()
	broken := s.aborted
	if s.finish() {
		h.streams.Put(s)
	}
	if broken {
		// The library then resets the stream (RFC 9113 section 5.4.2).
		panic(http.ErrAbortHandler)
	}
}

var (
	_ net.Listener = (*http2Conn)(nil)
	_ http.Handler = (*http2Server)(nil)
)
