package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"gateway/proxy/header"
)

const (
	// maxUniStreams is the most unidirectional streams of a client: a control stream and two of QPACK, and some that it
	// may open so that servers stay tolerant of unknown ones (RFC 9114 section 6.2.3).
	maxUniStreams = 10
	// With freeHandshakes under way, new clients first have to prove that their address is theirs (RFC 9000 section 8.1);
	// with maxHandshakes, they are refused.
	freeHandshakes, maxHandshakes = 64, 1024
	// forever replaces a timeout that there is none of.
	forever = 24 * time.Hour
	// socketBuffer is the size that the library wants for the buffers of a UDP socket.
	socketBuffer = 7 << 20
)

// http3Server serves clients that speak HTTP/3 (RFC 9114) over QUIC. The library handles QUIC and the encoding of
// fields; frames are read here, so that each request has its timeouts and counts from the first byte of its head on.
// There is no 0-RTT: what it carries can be replayed (RFC 8470), also what is not safe to repeat.
type http3Server struct {
	engine     *Engine
	tls        *tls.Config
	quic       *quic.Config
	streams    sync.Pool
	handshakes atomic.Int64
	warned     sync.Once

	mu    sync.Mutex
	conns map[*http3Conn]struct{}
}

func (h *http3Server) prepare(e *Engine) {
	h.engine, h.conns = e, map[*http3Conn]struct{}{}
	h.streams.New = func() any { return newHTTP3Stream() }
	if e.config.TLS != nil {
		h.tls = http3.ConfigureTLSConfig(e.config.TLS)
	}
	h.quic = &quic.Config{
		// The whole handshake may take twice that.
		HandshakeIdleTimeout: orForever(e.config.Timeouts.Head / 2),
		MaxIdleTimeout:       orForever(e.config.Idle),
		// A client that sends nothing for long gets a ping, so that a silent response does not end its connection.
		KeepAlivePeriod:    orForever(e.config.Idle) / 2,
		MaxIncomingStreams: maxStreams, MaxIncomingUniStreams: maxUniStreams,
		InitialStreamReceiveWindow: maxUnread, MaxStreamReceiveWindow: maxUnread,
		InitialConnectionReceiveWindow: maxUnreadInAll, MaxConnectionReceiveWindow: maxUnreadInAll,
	}
}

// Advertise adds an Alt-Svc field (RFC 7838) with that UDP port to responses in HTTP/1.1 and HTTP/2 over TLS that have
// none, except while the engine drains. The first call counts.
func (e *Engine) Advertise(port int) {
	value := fmt.Sprintf(`h3=":%d"; ma=3600`, port)
	e.altSvc.CompareAndSwap(nil, &value)
}

// alternative is the Alt-Svc field for a response, empty for none.
func (e *Engine) alternative(h header.Header) string {
	value := e.altSvc.Load()
	if value == nil || e.draining.Load() {
		return ""
	}
	for i := range h {
		if h[i].Kind == header.OriginWide && header.EqualFold(h[i].Name, "alt-svc") {
			return ""
		}
	}
	return *value
}

func orForever(d time.Duration) time.Duration {
	if d <= 0 {
		return forever
	}
	return d
}

// ServePackets serves HTTP/3 on a UDP socket, as Serve does HTTP/1.1 and HTTP/2 on a listener with TLS, and closes it.
// Config.TLS is required. Connections from Config.Announced are refused: QUIC has no PROXY header.
func (e *Engine) ServePackets(socket net.PacketConn, broke func(error)) { e.http3.Serve(socket, broke) }

// Serve is Engine.ServePackets.
func (h *http3Server) Serve(socket net.PacketConn, broke func(error)) {
	defer socket.Close()
	h.enlarge(socket)
	transport := quic.Transport{
		Conn: socket, ConnContext: h.enter,
		VerifySourceAddress: func(net.Addr) bool { return h.handshakes.Load() >= freeHandshakes },
	}
	l, err := h.listen(&transport)
	if err != nil {
		broke(err)
		return
	}
	defer transport.Close()
	defer l.Close()
	if !h.engine.open(l) {
		return
	}
	watching, rest := context.WithCancel(context.Background())
	var watch, conns sync.WaitGroup
	watch.Go(func() { h.engine.watch.Run(watching) })
	defer watch.Wait()
	defer rest()
	defer conns.Wait()
	defer h.engine.accepting.Add(-1)
	for {
		accepted, err := l.Accept(h.engine.base)
		switch {
		case err == nil:
			if c := h.accept(accepted); c != nil {
				conns.Go(c.Serve)
			}
		case h.engine.draining.Load() || h.engine.base.Err() != nil:
			return
		default:
			broke(err)
			return
		}
	}
}

// quietVariable stops the library from writing its own warning about buffers to the standard log.
const quietVariable = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"

// listen begins to take connections.
func (h *http3Server) listen(transport *quic.Transport) (*quic.Listener, error) {
	if h.tls == nil {
		return nil, errors.New("HTTP/3 needs certificates")
	}
	if _, set := os.LookupEnv(quietVariable); !set {
		_ = os.Setenv(quietVariable, "true")
		defer func() { _ = os.Unsetenv(quietVariable) }()
	}
	return transport.Listen(h.tls, h.quic)
}

// enlarge makes the buffers of the socket larger. If the system does not allow it, it says so, once.
func (h *http3Server) enlarge(socket net.PacketConn) {
	udp, ok := socket.(*net.UDPConn)
	if !ok {
		return
	}
	_, _ = udp.SetReadBuffer(socketBuffer), udp.SetWriteBuffer(socketBuffer)
	if size := bufferOf(udp); size > 0 && size < socketBuffer {
		h.warned.Do(func() {
			h.engine.log.Warn("the buffers for HTTP/3 are small, so that busy clients lose packets; allow larger ones on this machine",
				"fix", "sysctl -w net.core.rmem_max=7500000 net.core.wmem_max=7500000", "bytes", size)
		})
	}
}

// onHTTP3 is the key of a connection in its context.
type onHTTP3 struct{}

var (
	errRefusedConn  = errors.New("the client was refused")
	errManyConns    = errors.New("there are too many handshakes")
	errAnnouncedUDP = errors.New("a proxy that announces its clients cannot do so over QUIC")
)

// enter asks the limiter about a client, before its handshake. An error refuses the connection.
func (h *http3Server) enter(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	c := &http3Conn{server: h, origin: originOf(info.RemoteAddr)}
	switch limiter := h.engine.config.ConnLimiter; {
	case h.engine.config.Announced.Contains(c.addr):
		return nil, errAnnouncedUDP
	case h.handshakes.Load() >= maxHandshakes:
		return nil, errManyConns
	case limiter != nil:
		admitted, refusal := limiter.Enter(c.peer)
		if refusal != nil {
			return nil, errRefusedConn
		}
		c.admitted = admitted
	}
	h.handshakes.Add(1)
	context.AfterFunc(ctx, func() { c.failed(context.Cause(ctx)) })
	return context.WithValue(ctx, onHTTP3{}, c), nil
}

// accept takes a connection whose handshake is done. It returns nil if it has ended already.
func (h *http3Server) accept(accepted *quic.Conn) *http3Conn {
	c, _ := accepted.Context().Value(onHTTP3{}).(*http3Conn)
	if c == nil || !c.shaken.CompareAndSwap(false, true) {
		return nil
	}
	h.handshakes.Add(-1)
	state := accepted.ConnectionState().TLS
	c.conn, c.tls = accepted, newTLS(&state)
	h.mu.Lock()
	h.conns[c] = struct{}{}
	h.mu.Unlock()
	return c
}

func (h *http3Server) forget(c *http3Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

// each calls f for each connection.
func (h *http3Server) each(f func(c *http3Conn)) {
	h.mu.Lock()
	all := make([]*http3Conn, 0, len(h.conns))
	for c := range h.conns {
		all = append(all, c)
	}
	h.mu.Unlock()
	for _, c := range all {
		f(c)
	}
}

// drain tells clients that no new requests are accepted (RFC 9114 section 5.2).
func (h *http3Server) drain() { h.each((*http3Conn).retire) }

// leaving reports connections that end by themselves after drain: those without tunnels.
func (h *http3Server) leaving() (some bool) {
	h.each(func(c *http3Conn) { some = some || !c.tunnelling() })
	return some
}

// cutAll ends all connections.
func (h *http3Server) cutAll() {
	h.each(func(c *http3Conn) { c.close(http3.ErrCodeNoError) })
}

// logFailure logs why a connection ends that broke the protocol.
func (h *http3Server) logFailure(c *http3Conn, err error) {
	h.engine.log.LogAttrs(context.Background(), slog.LevelDebug, "a connection of HTTP/3 ends", slog.String("peer", c.peer), slog.Any("error", err))
}
