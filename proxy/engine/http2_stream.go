package engine

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// http2Stream is one exchange of a client that speaks HTTP/2, and the client of that exchange. It is reused unless
// something may still use it.
type http2Stream struct {
	streamNotifier
	http2Body
	conn *http2Conn
	x    *Exchange
	w    http.ResponseWriter
	head http2Head
	// text is memory for the strings of a response's head.
	text []byte

	framing framing
	left    int64
	// unsent reports that the library holds something back, and held is the most bytes of the body that it may hold.
	unsent bool
	held   int
	// changed reports that the exchange became a tunnel.
	changed, aborted bool
	writing          wait
}

func newHTTP2Stream() *http2Stream {
	s := new(http2Stream)
	s.signal, s.reading.late, s.writing.late = s.Signal, s.stopBody, s.reset
	return s
}

// start takes a request.
func (s *http2Stream) start(v *http2Conn, w http.ResponseWriter, r *http.Request) {
	x, _ := v.engine.exchanges.Get().(*Exchange)
	s.conn, s.x, s.w = v, x, w
	s.http2Body.request, s.http2Body.received, s.timeout = r, &x.received, v.engine.config.Body
	s.framing, s.left, s.unsent, s.held, s.changed, s.aborted = noBody, 0, false, 0, false, false
	x.client = s
	x.reset()
}

// serveExchange serves the exchange.
func (s *http2Stream) serveExchange() {
	x, config := s.x, &s.conn.engine.config
	h := &s.head
	refusal := h.read(s.request, x.Request.Header, x.in[:], http1.Limits{Bytes: config.Limits.Head, Fields: config.Fields})
	x.Request = Request{
		Method: h.Method, Target: h.Target, Path: h.Path, Query: h.Query, Host: h.Host, Header: h.Header,
		Peer: s.conn.client.peer, Addr: s.conn.client.addr, Secure: s.conn.secure(), TLS: s.conn.client.tls, Major: 2, Length: h.Length, Upgrade: h.Upgrade, Trailers: h.Trailers, ConnAuth: h.ConnAuth,
	}
	if refusal != nil {
		config.Handler.Refuse(x, refusal)
	} else {
		if h.Length != 0 {
			x.body, x.trailer = &s.http2Body, &s.http2Body
		}
		config.Handler.Serve(x)
	}
	if x.phase != ended {
		x.Abort()
	}
	x.releaseBody()
}

// finish releases the exchange. It reports whether nothing can use the stream any more.
func (s *http2Stream) finish() bool {
	settled := s.free()
	settled = s.reading.end() && settled
	settled = s.writing.end() && settled && !s.changed
	if s.changed {
		s.conn.tunnel(-1)
	}
	s.x.client, s.x.body, s.x.trailer = nil, nil, nil
	s.conn.engine.exchanges.Put(s.x)
	clear(s.head.keys)
	s.conn, s.x, s.w, s.request = nil, nil, nil, nil
	return settled
}

func (s *http2Stream) inform(status int, h header.Header) error {
	out := s.w.Header()
	s.fill(out, h)
	s.w.WriteHeader(status)
	clear(out)
	return s.request.Context().Err()
}

func (s *http2Stream) begin(status int, h header.Header, length int64) error {
	s.framing, s.left = noBody, 0
	switch {
	case s.request.Method == http.MethodHead || !bodied(status):
	case length >= 0:
		s.framing, s.left = counted, length
	default:
		s.framing = chunked
	}
	if s.head.extended && status < http.StatusMultipleChoices {
		// With a 2xx the client would take the tunnel for open (RFC 8441 section 5).
		status = http.StatusBadGateway
		s.x.status = status
	}
	out := s.w.Header()
	s.fill(out, h)
	if length >= 0 {
		out["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
	s.setOwnFields(out)
	if s.conn.secure() {
		if alternative := s.conn.engine.alternative(h); alternative != "" {
			out["Alt-Svc"] = []string{alternative}
		}
	}
	s.w.WriteHeader(status)
	// The library would take fields that are left for trailers.
	clear(out)
	s.unsent = true
	return s.request.Context().Err()
}

// setOwnFields sets the fields that the library would set differently.
func (s *http2Stream) setOwnFields(out http.Header) {
	if _, set := out["Content-Type"]; !set {
		out["Content-Type"] = nil
	}
	if _, dated := out["Date"]; !dated {
		out["Date"] = []string{s.conn.engine.watch.Date()}
	}
}

func (s *http2Stream) fill(out http.Header, h header.Header) { s.text = gather(out, h, s.text) }

// Write implements io.Writer.
func (s *http2Stream) Write(p []byte) (int, error) {
	if len(p) == 0 || s.framing == noBody {
		return len(p), nil
	}
	if s.framing == counted {
		if int64(len(p)) > s.left {
			return 0, errExcess
		}
		s.left -= int64(len(p))
	}
	s.unsent = true
	if s.held += len(p); s.held <= libraryBuffer {
		return s.w.Write(p)
	}
	if !s.writing.begin(s.conn.engine.config.Write) {
		return 0, errDisconnected
	}
	n, err := s.w.Write(p)
	s.writing.pause()
	return n, err
}

// libraryBuffer is how much the library buffers before a write waits for the client.
const libraryBuffer = 4 << 10

// Flush sends what is held back.
func (s *http2Stream) Flush() error {
	if !s.unsent {
		return nil
	}
	if !s.writing.begin(s.conn.engine.config.Write) {
		return errDisconnected
	}
	err := http.NewResponseController(s.w).Flush()
	s.writing.pause()
	s.unsent, s.held = false, 0
	return err
}

// reset makes the library reset the stream, which ends a Write or Flush in progress. It must not be called after the
// exchange.
func (s *http2Stream) reset() { _ = http.NewResponseController(s.w).SetWriteDeadline(past) }

var past = time.Unix(1, 0)

func (s *http2Stream) end(trailers header.Header) error {
	if s.framing == counted && s.left > 0 {
		return errShort
	}
	if s.framing != noBody {
		for i := range trailers {
			name := http.TrailerPrefix + textproto.CanonicalMIMEHeaderKey(trailers[i].Name)
			s.w.Header().Add(name, strings.Clone(trailers[i].Value))
		}
	}
	if err := s.request.Context().Err(); err != nil {
		return err
	}
	if limit := s.conn.engine.config.Write; limit > 0 && s.held > 0 {
		// The rest is sent after the handler has returned, and nothing else limits how long that may take.
		return http.NewResponseController(s.w).SetWriteDeadline(time.Now().Add(limit))
	}
	return nil
}

func (s *http2Stream) abort() { s.aborted = true }

// rollback returns false: what the library has sent is unknown.
func (s *http2Stream) rollback() bool { return false }

func (s *http2Stream) plain() *socket.Socket { return nil }

func (s *http2Stream) moved(int64) {}

func (s *http2Stream) pins() *pins { return &s.conn.client.pins }

func (s *http2Stream) watch(waiting *socket.Interruption, _ stage) {
	s.notifyOnDone(s.request.Context(), waiting)
}

func (s *http2Stream) unwatch() (disconnected bool) { return s.Stop() }

func (s *http2Stream) disconnected() bool { return s.Disconnected() }

var _ client = (*http2Stream)(nil)
