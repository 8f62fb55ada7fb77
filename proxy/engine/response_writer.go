package engine

import (
	"errors"
	"net"
	"net/http"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// responseWriter writes responses of HTTP/1.1 (RFC 9112). It is the client of the exchanges of its connection.
type responseWriter struct {
	conn *conn
	// closing reports that the connection ends with this response, changed that it was upgraded.
	closing, changed bool
	// minor is the version of the request, head reports that it is a HEAD.
	minor int
	head  bool
	// framing is that of the response's body, left the number of bytes to come of a counted one.
	framing framing
	left    int64
	// begun reports that the final response has begun, sent that a part of it was sent.
	begun, sent bool
}

// framing is how the end of a body is marked.
type framing uint8

const (
	noBody framing = iota
	counted
	chunked
	untilClose
)

var (
	errExcess = errors.New("the body is longer than its length")
	errShort  = errors.New("the body is shorter than its length")
)

// bulk is the size from which a piece is written without a copy.
const bulk = 4 << 10

func (w *responseWriter) reset(r *http1.Request) {
	w.closing, w.changed, w.minor, w.head = r.Close, false, r.Minor, r.Method == http.MethodHead
	w.framing, w.left, w.begun, w.sent = noBody, 0, false, false
}

func (w *responseWriter) inform(status int, h header.Header) error {
	if w.minor == 0 {
		return nil
	}
	x := w.conn.x
	x.out = http1.AppendStatusLine(x.out, status, http.StatusText(status))
	x.out = appendEndToEnd(x.out, h)
	x.out = append(x.out, "\r\n"...)
	return w.Flush()
}

func (w *responseWriter) begin(status int, h header.Header, length int64) error {
	x := w.conn.x
	if w.conn.streaming && !x.reader.done.Load() || w.conn.engine.draining.Load() {
		w.closing = true
	}
	w.begun = true
	w.frame(status, length)
	reason := x.reason
	if !x.relayed {
		reason = http.StatusText(status)
	}
	out := http1.AppendStatusLine(x.out, status, reason)
	out = appendEndToEnd(out, h)
	if _, dated := h.First(header.Date); !dated {
		out = http1.AppendField(out, "Date", w.conn.engine.watch.Date())
	}
	if w.conn.stream != net.Conn(w.conn.sock) {
		if alternative := w.conn.engine.alternative(h); alternative != "" {
			out = http1.AppendField(out, "Alt-Svc", alternative)
		}
	}
	switch {
	case w.framing == counted || w.framing == noBody && length >= 0:
		out = http1.AppendLength(out, length)
	case w.framing == chunked:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	}
	if status == http.StatusUpgradeRequired && x.relayed && x.response.Upgrade != "" && w.minor > 0 {
		// A 426 must name the protocols (RFC 9110 section 15.5.22).
		out = append(out, "Connection: Upgrade\r\n"...)
		out = http1.AppendField(out, "Upgrade", x.response.Upgrade)
	}
	switch {
	case w.closing:
		out = append(out, "Connection: close\r\n"...)
	case w.minor == 0:
		out = append(out, "Connection: keep-alive\r\n"...)
	}
	x.out = append(out, "\r\n"...)
	return nil
}

// frame decides how the end of the body is marked (RFC 9112 section 6.3).
func (w *responseWriter) frame(status int, length int64) {
	switch {
	case w.head || !bodied(status):
		w.framing = noBody
	case length >= 0:
		w.framing, w.left = counted, length
	case w.minor > 0:
		w.framing = chunked
	default:
		w.framing, w.closing = untilClose, true
	}
}

// appendEndToEnd appends the fields that are not hop-by-hop.
func appendEndToEnd(out []byte, h header.Header) []byte {
	for i := range h {
		if f := &h[i]; !header.Hop.Has(f.Kind) {
			out = http1.AppendField(out, f.Name, f.Value)
		}
	}
	return out
}

// Write implements io.Writer.
func (w *responseWriter) Write(p []byte) (int, error) {
	if len(p) == 0 || w.framing == noBody {
		return len(p), nil
	}
	x := w.conn.x
	if w.framing == counted {
		if int64(len(p)) > w.left {
			return 0, errExcess
		}
		w.left -= int64(len(p))
	}
	if w.framing == chunked {
		x.out = http1.AppendChunk(x.out, len(p))
	}
	if err := w.put(p); err != nil {
		return 0, err
	}
	if w.framing == chunked {
		x.out = append(x.out, "\r\n"...)
	}
	return len(p), nil
}

// put writes p, or appends it to what is held back if it is small.
func (w *responseWriter) put(p []byte) error {
	x := w.conn.x
	if len(p) < bulk {
		if len(x.out)+len(p) > len(x.outs) {
			if err := w.Flush(); err != nil {
				return err
			}
		}
		x.out = append(x.out, p...)
		return nil
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := w.conn.stream.Write(p)
	return err
}

// Flush sends what is held back.
func (w *responseWriter) Flush() error {
	x := w.conn.x
	if len(x.out) == 0 {
		return nil
	}
	w.sent = w.begun
	_, err := w.conn.stream.Write(x.out)
	x.out = x.outs[:0]
	return err
}

func (w *responseWriter) end(trailers header.Header) error {
	if w.framing == counted && w.left > 0 {
		return errShort
	}
	if w.framing == chunked {
		w.conn.x.out = http1.AppendLastChunk(w.conn.x.out, trailers)
	}
	return w.Flush()
}

func (w *responseWriter) rollback() bool {
	if w.sent {
		return false
	}
	w.conn.x.out = w.conn.x.outs[:0]
	w.begun = false
	return true
}

// abort resets the connection, so that the client does not take even a response that ends with it for a complete one.
func (w *responseWriter) abort() {
	w.closing = true
	w.conn.over, w.conn.broken = true, true
}

func (w *responseWriter) switchProtocol(protocol string, h header.Header) (tunnelSide, error) {
	x := w.conn.x
	out := http1.AppendStatusLine(x.out, http.StatusSwitchingProtocols, http.StatusText(http.StatusSwitchingProtocols))
	out = append(out, "Connection: Upgrade\r\n"...)
	out = http1.AppendField(out, "Upgrade", protocol)
	out = appendEndToEnd(out, h)
	x.out = append(out, "\r\n"...)
	if err := w.Flush(); err != nil {
		return nil, err
	}
	w.closing, w.changed = true, true
	if w.conn.streaming {
		x.reader.release()
	}
	w.conn.engine.busy.Add(-1)
	return upgradedConn{w.conn}, nil
}

// upgradedConn is a connection after the head of an upgrade.
type upgradedConn struct{ c *conn }

// Read implements io.Reader.
func (r upgradedConn) Read(p []byte) (int, error) {
	if c := r.c; c.inbox.from < c.inbox.to {
		n := copy(p, c.inbox.in[c.inbox.from:c.inbox.to])
		c.inbox.from += n
		return n, nil
	}
	return r.c.stream.Read(p)
}

// Write implements io.Writer.
func (r upgradedConn) Write(p []byte) (int, error) { return r.c.stream.Write(p) }

// CloseWrite implements tunnelSide.
func (r upgradedConn) CloseWrite() error { return closeWrite(r.c.stream) }

func (r upgradedConn) watch(other *socket.Interruption) { r.c.sock.NotifyBroken(other) }

func (r upgradedConn) interruption() *socket.Interruption { return r.c.sock.Interruption() }

func (w *responseWriter) plain() *socket.Socket {
	if c := w.conn; c.stream == net.Conn(c.sock) && w.framing == counted {
		return c.sock
	}
	return nil
}

func (w *responseWriter) moved(n int64) { w.left -= n }

func (w *responseWriter) pins() *pins { return &w.conn.pins }

// watch treats a client that has ended its side as one that waits for the response, as RFC 9293 section 3.6 allows. Not
// with TLS, which has its own end, and not in a queue, where such a client gets no place.
func (w *responseWriter) watch(waiting *socket.Interruption, stage stage) {
	if c := w.conn; stage == underWay && c.stream == net.Conn(c.sock) {
		c.sock.NotifyBroken(waiting)
		return
	}
	w.conn.sock.NotifyClosed(waiting)
}

func (w *responseWriter) unwatch() bool { return w.conn.sock.StopNotify() }

func (w *responseWriter) disconnected() bool { return w.conn.sock.Disconnected() }

func (w *responseWriter) stopBody() { w.conn.sock.InterruptRead() }

func (w *responseWriter) settleBody() { w.conn.sock.ResumeRead() }
