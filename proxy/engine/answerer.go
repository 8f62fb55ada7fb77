package engine

import (
	"errors"
	"net"
	"net/http"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// answerer writes the answers of HTTP/1.1 (RFC 9112). It is the client of its connection's exchanges.
type answerer struct {
	conn *conn
	// closing reports that the connection ends with this answer, changed that it was upgraded.
	closing, changed bool
	// minor is the version of the request, head reports that it is a HEAD.
	minor int
	head  bool
	// framing is that of the answer's body, left what is to come of a counted one.
	framing framing
	left    int64
	// begun reports that the final answer has, sent that a part of it was.
	begun, sent bool
}

// framing is how the end of a body is told.
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

// bulk is from when on a piece is not copied together with others.
const bulk = 4 << 10

func (a *answerer) reset(r *http1.Request) {
	a.closing, a.changed, a.minor, a.head = r.Close, false, r.Minor, r.Method == http.MethodHead
	a.framing, a.left, a.begun, a.sent = noBody, 0, false, false
}

func (a *answerer) inform(status int, h header.Header) error {
	if a.minor == 0 {
		return nil
	}
	x := a.conn.x
	x.out = http1.AppendStatusLine(x.out, status, http.StatusText(status))
	x.out = appendEndToEnd(x.out, h)
	x.out = append(x.out, "\r\n"...)
	return a.Flush()
}

func (a *answerer) begin(status int, h header.Header, length int64) error {
	x := a.conn.x
	if a.conn.streaming && !x.reader.done.Load() || a.conn.engine.draining.Load() {
		a.closing = true
	}
	a.begun = true
	a.frame(status, length)
	reason := x.reason
	if !x.relayed {
		reason = http.StatusText(status)
	}
	out := http1.AppendStatusLine(x.out, status, reason)
	out = appendEndToEnd(out, h)
	if _, dated := h.First(header.Date); !dated {
		out = http1.AppendField(out, "Date", a.conn.engine.watch.Date())
	}
	switch {
	case a.framing == counted || a.framing == noBody && length >= 0:
		out = http1.AppendLength(out, length)
	case a.framing == chunked:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	}
	if status == http.StatusUpgradeRequired && x.relayed && x.answer.Upgrade != "" && a.minor > 0 {
		// Such an answer has to say to what (RFC 9110 section 15.5.22).
		out = append(out, "Connection: Upgrade\r\n"...)
		out = http1.AppendField(out, "Upgrade", x.answer.Upgrade)
	}
	switch {
	case a.closing:
		out = append(out, "Connection: close\r\n"...)
	case a.minor == 0:
		out = append(out, "Connection: keep-alive\r\n"...)
	}
	x.out = append(out, "\r\n"...)
	return nil
}

// frame decides how the end of the body is told (RFC 9112 section 6.3).
func (a *answerer) frame(status int, length int64) {
	switch {
	case a.head || !bodied(status):
		a.framing = noBody
	case length >= 0:
		a.framing, a.left = counted, length
	case a.minor > 0:
		a.framing = chunked
	default:
		a.framing, a.closing = untilClose, true
	}
}

// appendEndToEnd appends the fields that are not about the connection.
func appendEndToEnd(out []byte, h header.Header) []byte {
	for i := range h {
		if f := &h[i]; !header.Hop.Has(f.Kind) {
			out = http1.AppendField(out, f.Name, f.Value)
		}
	}
	return out
}

// Write implements io.Writer.
func (a *answerer) Write(p []byte) (int, error) {
	if len(p) == 0 || a.framing == noBody {
		return len(p), nil
	}
	x := a.conn.x
	if a.framing == counted {
		if int64(len(p)) > a.left {
			return 0, errExcess
		}
		a.left -= int64(len(p))
	}
	if a.framing == chunked {
		x.out = http1.AppendChunk(x.out, len(p))
	}
	if err := a.put(p); err != nil {
		return 0, err
	}
	if a.framing == chunked {
		x.out = append(x.out, "\r\n"...)
	}
	return len(p), nil
}

// put writes p, together with what waits if it is small.
func (a *answerer) put(p []byte) error {
	x := a.conn.x
	if len(p) < bulk {
		if len(x.out)+len(p) > len(x.outs) {
			if err := a.Flush(); err != nil {
				return err
			}
		}
		x.out = append(x.out, p...)
		return nil
	}
	if err := a.Flush(); err != nil {
		return err
	}
	_, err := a.conn.stream.Write(p)
	return err
}

// Flush sends what waits.
func (a *answerer) Flush() error {
	x := a.conn.x
	if len(x.out) == 0 {
		return nil
	}
	a.sent = a.begun
	_, err := a.conn.stream.Write(x.out)
	x.out = x.outs[:0]
	return err
}

func (a *answerer) end(trailers header.Header) error {
	if a.framing == counted && a.left > 0 {
		return errShort
	}
	if a.framing == chunked {
		a.conn.x.out = http1.AppendLastChunk(a.conn.x.out, trailers)
	}
	return a.Flush()
}

func (a *answerer) recall() bool {
	if a.sent {
		return false
	}
	a.conn.x.out = a.conn.x.outs[:0]
	a.begun = false
	return true
}

// abort has the connection broken off, so that even an answer which ends with it cannot be taken for a whole one.
func (a *answerer) abort() {
	a.closing = true
	a.conn.over, a.conn.broken = true, true
}

func (a *answerer) change(protocol string, h header.Header) (tunnelSide, error) {
	x := a.conn.x
	out := http1.AppendStatusLine(x.out, http.StatusSwitchingProtocols, http.StatusText(http.StatusSwitchingProtocols))
	out = append(out, "Connection: Upgrade\r\n"...)
	out = http1.AppendField(out, "Upgrade", protocol)
	out = appendEndToEnd(out, h)
	x.out = append(out, "\r\n"...)
	if err := a.Flush(); err != nil {
		return nil, err
	}
	a.closing, a.changed = true, true
	if a.conn.streaming {
		x.reader.release()
	}
	a.conn.engine.busy.Add(-1)
	return rest{a.conn}, nil
}

// rest is the connection behind the head of an upgrade.
type rest struct{ c *conn }

// Read implements io.Reader.
func (r rest) Read(p []byte) (int, error) {
	if c := r.c; c.inbox.from < c.inbox.to {
		n := copy(p, c.inbox.in[c.inbox.from:c.inbox.to])
		c.inbox.from += n
		return n, nil
	}
	return r.c.stream.Read(p)
}

// Write implements io.Writer.
func (r rest) Write(p []byte) (int, error) { return r.c.stream.Write(p) }

// CloseWrite implements tunnelSide.
func (r rest) CloseWrite() error { return closeWrite(r.c.stream) }

func (r rest) watch(other *socket.Interruption) { r.c.sock.NotifyBroken(other) }

func (r rest) interruption() *socket.Interruption { return r.c.sock.Interruption() }

func (a *answerer) plain() *socket.Socket {
	if c := a.conn; c.stream == net.Conn(c.sock) && a.framing == counted {
		return c.sock
	}
	return nil
}

func (a *answerer) moved(n int64) { a.left -= n }

func (a *answerer) bonds() *bonds { return &a.conn.bound }

// watch takes a client that has ended its side for one that waits for the answer, as RFC 9293 section 3.6 allows. With TLS it
// would have told so within the connection, and a place in a queue is not kept for it.
func (a *answerer) watch(waiting *socket.Interruption, stage stage) {
	if c := a.conn; stage == underWay && c.stream == net.Conn(c.sock) {
		c.sock.NotifyBroken(waiting)
		return
	}
	a.conn.sock.NotifyClosed(waiting)
}

func (a *answerer) unwatch() bool { return a.conn.sock.StopNotify() }

func (a *answerer) lost() bool { return a.conn.sock.Gone() }

func (a *answerer) stopBody() { a.conn.sock.InterruptRead() }

func (a *answerer) settleBody() { a.conn.sock.ResumeRead() }
