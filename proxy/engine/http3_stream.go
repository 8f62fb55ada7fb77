package engine

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// http3Stream is one exchange of a client that speaks HTTP/3, and the client of that exchange. It is reused unless
// something may still use it.
type http3Stream struct {
	streamNotifier
	http3Body
	x       *Exchange
	head    http3Head
	section []byte
	encoder fieldEncoder

	framing framing
	unsent  int64
	// sent reports that a part of the response was sent, changed that the exchange became a tunnel, used that something may
	// still use the stream.
	sent, changed, aborted, used bool
}

func newHTTP3Stream() *http3Stream {
	s := new(http3Stream)
	s.signal = s.Signal
	return s
}

// serveStream serves the request of a stream.
func (c *http3Conn) serveStream(stream *quic.Stream) {
	defer c.end()
	s, _ := c.server.streams.Get().(*http3Stream)
	s.conn, s.stream = c, stream
	s.http3Reader.reset(stream)
	s.framing, s.unsent, s.sent, s.changed, s.aborted, s.used = noBody, 0, false, false, false, false
	err := s.serve()
	if err != nil {
		code := http3.ErrCodeRequestIncomplete
		if broken, ok := errors.AsType[*http3Error](err); ok {
			code = broken.code
		}
		reset(stream, code)
		c.judge(err)
	}
	if s.conn, s.stream = nil, nil; err == nil && !s.used {
		c.server.streams.Put(s)
	}
}

// serve reads the head of the request and serves the exchange. An error says that there was no head.
func (s *http3Stream) serve() error {
	config := &s.conn.server.engine.config
	s.conn.readWithin(s.stream, config.Timeouts.Head)
	refusal, err := s.readSection()
	if err != nil {
		return err
	}
	x, _ := s.conn.server.engine.exchanges.Get().(*Exchange)
	s.x = x
	x.client = s
	x.reset()
	h := &s.head
	if refusal == nil {
		refusal, err = h.read(s.section, x.Request.Header, x.in[:], http1.Limits{Bytes: config.Limits.Head, Fields: config.Fields})
	} else {
		*h = http3Head{}
	}
	if err == nil && refusal == nil {
		refusal, err = s.measure()
	}
	if err != nil {
		s.release()
		return err
	}
	s.handle(refusal)
	s.finish()
	return nil
}

// readSection reads the field section of the request.
func (s *http3Stream) readSection() (*Refusal, error) {
	kind, length, err := s.next()
	switch {
	case err != nil:
		return nil, err
	case kind != http3Headers:
		return nil, errFrameUnexpected
	case length > uint64(s.conn.server.engine.config.Limits.Head): //nolint:gosec // It is not negative.
		// What is compressed is hardly longer than what is not.
		return longHead3, nil
	}
	s.section, err = s.payload(s.section[:0], int(length))
	return nil, err
}

// endTime is how long to wait for the end of a stream after a request that may have a body of unknown length.
const endTime = 2 * time.Millisecond

// measure finds the length of the body: of one without Content-Length it is not known, and none if the stream ends.
func (s *http3Stream) measure() (*Refusal, error) {
	h := &s.head
	if h.extended || h.method == http.MethodConnect {
		s.http3Body.begin(&s.x.received, -1)
		return nil, nil
	}
	if !h.measured && !withoutBody(h.method) {
		s.conn.readWithin(s.stream, endTime)
	}
	for !h.measured && s.empty() && !s.eof {
		if err := s.fill(); err != nil && err != io.EOF {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			return nil, err
		}
	}
	switch none := s.empty() && s.eof; {
	case h.measured && h.Length > 0 && none:
		return shortBody3, nil
	case !h.measured && !none:
		h.Length = -1
	}
	s.http3Body.begin(&s.x.received, h.Length)
	return nil, nil
}

// withoutBody reports methods whose requests have no body in general: the end of the stream comes with the head, or soon.
func withoutBody(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete, http.MethodTrace:
		return true
	}
	return false
}

// handle passes the exchange to the handler.
func (s *http3Stream) handle(refusal *Refusal) {
	x, h, from := s.x, &s.head, s.conn.from()
	x.Request = Request{
		Method: h.Method, Target: h.Target, Path: h.Path, Query: h.Query, Host: h.Host, Header: h.Header,
		Peer: from.peer, Addr: from.addr, Secure: true, TLS: s.conn.tls, Major: 3, Length: h.Length, Upgrade: h.Upgrade, Trailers: h.Trailers, ConnAuth: h.ConnAuth,
	}
	handler := s.conn.server.engine.config.Handler
	if refusal != nil {
		x.Request.Length = 0
		handler.Refuse(x, refusal)
	} else {
		if h.Length != 0 {
			x.body, x.trailer = &s.http3Body, &s.http3Body
		}
		handler.Serve(x)
	}
	if x.phase != ended {
		x.Abort()
	}
	x.releaseBody()
}

// finish ends the stream and releases the exchange.
func (s *http3Stream) finish() {
	// The stream's context ends with it, which is not the client's doing.
	s.used = !s.free() || s.changed
	if s.changed {
		s.conn.tunnel(-1)
	}
	if s.aborted {
		reset(s.stream, http3.ErrCodeInternalError)
	} else {
		s.stopBody()
		_ = s.stream.Close()
	}
	s.release()
}

func (s *http3Stream) release() {
	x := s.x
	x.client, x.body, x.trailer = nil, nil, nil
	s.x, s.http3Reader.from, s.head.Header = nil, nil, nil
	s.conn.server.engine.exchanges.Put(x)
}

func (s *http3Stream) inform(status int, h header.Header) error {
	s.encoder.begin()
	s.encoder.add(":status", strconv.Itoa(status))
	s.encoder.addAll(h)
	s.x.out = s.encoder.frame(s.x.out)
	return s.Flush()
}

func (s *http3Stream) begin(status int, h header.Header, length int64) error {
	s.framing, s.unsent = noBody, 0
	switch {
	case s.head.method == http.MethodHead || !bodied(status):
	case length >= 0:
		s.framing, s.unsent = counted, length
	default:
		s.framing = chunked
	}
	if s.head.extended && status < http.StatusMultipleChoices {
		// With a 2xx the client would take the tunnel for open (RFC 9220 section 3).
		status = http.StatusBadGateway
		s.x.status = status
	}
	s.beginHead(status, h)
	if length >= 0 {
		s.encoder.add("content-length", strconv.FormatInt(length, 10))
	}
	s.x.out = s.encoder.frame(s.x.out)
	return context.Cause(s.stream.Context())
}

// beginHead begins the field section of a final response.
func (s *http3Stream) beginHead(status int, h header.Header) {
	s.encoder.begin()
	s.encoder.add(":status", strconv.Itoa(status))
	s.encoder.addAll(h)
	if _, dated := h.First(header.Date); !dated {
		s.encoder.add("date", s.conn.server.engine.watch.Date())
	}
}

// Write implements io.Writer.
func (s *http3Stream) Write(p []byte) (int, error) {
	if len(p) == 0 || s.framing == noBody {
		return len(p), nil
	}
	if s.framing == counted {
		if int64(len(p)) > s.unsent {
			return 0, errExcess
		}
		s.unsent -= int64(len(p))
	}
	return s.writeData(p)
}

// writeData writes a DATA frame, or appends it to what is held back if it is small.
func (s *http3Stream) writeData(p []byte) (int, error) {
	x := s.x
	if len(p) < bulk && len(x.out)+len(p) > len(x.outs) {
		if err := s.Flush(); err != nil {
			return 0, err
		}
	}
	x.out = quicvarint.Append(quicvarint.Append(x.out, http3Data), uint64(len(p)))
	if len(p) < bulk {
		x.out = append(x.out, p...)
		return len(p), nil
	}
	if err := s.Flush(); err != nil {
		return 0, err
	}
	return s.send(p)
}

// send sends bytes of the stream.
func (s *http3Stream) send(p []byte) (int, error) {
	s.sent = true
	if limit := s.conn.server.engine.config.Write; limit > 0 {
		_ = s.stream.SetWriteDeadline(time.Now().Add(limit))
	}
	return s.stream.Write(p)
}

// Flush sends what is held back.
func (s *http3Stream) Flush() error {
	x := s.x
	if len(x.out) == 0 {
		return nil
	}
	_, err := s.send(x.out)
	x.out = x.outs[:0]
	return err
}

func (s *http3Stream) end(trailers header.Header) error {
	if s.framing == counted && s.unsent > 0 {
		return errShort
	}
	if s.framing != noBody && len(trailers) > 0 {
		s.encoder.begin()
		s.encoder.addAll(trailers)
		s.x.out = s.encoder.frame(s.x.out)
	}
	return s.Flush()
}

func (s *http3Stream) abort() { s.aborted = true }

func (s *http3Stream) rollback() bool {
	if s.sent {
		return false
	}
	s.x.out = s.x.outs[:0]
	return true
}

func (s *http3Stream) plain() *socket.Socket { return nil }

func (s *http3Stream) moved(int64) {}

func (s *http3Stream) pins() *pins { return &s.conn.pins }

func (s *http3Stream) watch(waiting *socket.Interruption, _ stage) {
	s.notifyOnDone(s.stream.Context(), waiting)
}

func (s *http3Stream) unwatch() (disconnected bool) { return s.Stop() }

func (s *http3Stream) disconnected() bool { return s.Disconnected() }

// switchProtocol responds to an extended CONNECT (RFC 9220): the tunnel begins with a 200, without the fields of
// HTTP/1.1's handshake.
func (s *http3Stream) switchProtocol(_ string, h header.Header) (tunnelSide, error) {
	if !s.head.extended {
		return nil, errors.New("there is no upgrade in HTTP/3")
	}
	h.Del("Sec-WebSocket-Accept")
	s.beginHead(http.StatusOK, h)
	s.x.out = s.encoder.frame(s.x.out)
	if err := s.Flush(); err != nil {
		return nil, err
	}
	s.changed = true
	s.conn.tunnel(1)
	return http3Tunnel{s}, nil
}

// http3Tunnel is the tunnel of an extended CONNECT.
type http3Tunnel struct{ s *http3Stream }

// Read implements io.Reader.
func (t http3Tunnel) Read(p []byte) (int, error) {
	t.s.conn.readWithin(t.s.stream, 0)
	return t.s.receive(p)
}

// Write implements io.Writer.
func (t http3Tunnel) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	// The exchange's memory is in use for the other direction.
	var head [16]byte
	if _, err := t.s.send(quicvarint.Append(quicvarint.Append(head[:0], http3Data), uint64(len(p)))); err != nil {
		return 0, err
	}
	return t.s.send(p)
}

// CloseWrite implements tunnelSide.
func (t http3Tunnel) CloseWrite() error { return t.s.stream.Close() }

func (t http3Tunnel) watch(other *socket.Interruption) { t.s.watch(other, underWay) }

func (t http3Tunnel) interruption() *socket.Interruption { return socket.NewInterruption(t.interrupt) }

func (t http3Tunnel) interrupt() { reset(t.s.stream, http3.ErrCodeRequestCanceled) }

var _ client = (*http3Stream)(nil)
