package engine

import (
	"net"
	"net/http"
	"sync"
	"time"

	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

const (
	// refusedTime is how long a connection that was refused may wait for its response, refusedMost how many in a second may
	// do so.
	refusedTime = time.Second
	maxRefusals = 100
	// After each so many connections that were turned away, those that were let in get the processor for a while: who
	// floods the gateway waits, not who is being served.
	rejectBurst = 16
	rejectPause = time.Millisecond
	// prefaceStart is the start of what clients of HTTP/2 send. They cannot read a response of HTTP/1.1.
	prefaceStart = "PRI * HTTP/2"
)

// refusalBudget bounds the connections in each second that are refused with a response of the handler's. It is safe for
// concurrent use.
type refusalBudget struct {
	mu     sync.Mutex
	second int64
	count  int
}

// spend reports whether one more may be.
func (b *refusalBudget) spend(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if second := now.Unix(); second != b.second {
		b.second, b.count = second, 0
	}
	b.count++
	return b.count <= maxRefusals
}

// acceptor admits the connections of a listener. It belongs to the goroutine that accepts them.
type acceptor struct {
	engine   *Engine
	secure   bool
	rejected int
}

// admit asks whether a client may connect. It returns nil when the connection was ended.
func (d *acceptor) admit(accepted net.Conn) *conn {
	from := originOf(accepted.RemoteAddr())
	if d.engine.config.ConnLimiter == nil || d.engine.config.Announced.Contains(from.addr) {
		return newConn(d.engine, accepted, from, d.secure)
	}
	admitted, refusal := d.engine.config.ConnLimiter.Enter(from.peer)
	if refusal != nil && (d.secure || !d.engine.refusals.spend(time.Now())) {
		d.reject(accepted, refusal)
		return nil
	}
	c := newConn(d.engine, accepted, from, d.secure)
	c.setAdmission(admitted, refusal)
	return c
}

// reject ends a connection with a response that costs next to nothing, or with none where it would cost a handshake.
func (d *acceptor) reject(accepted net.Conn, r *Refusal) {
	if d.secure {
		_ = accepted.Close()
	} else {
		socket.Reject(accepted, func(come []byte) []byte { return d.engine.shortRefusal(come, r) })
	}
	if d.rejected++; d.rejected%rejectBurst == 0 {
		d.engine.pause(rejectPause)
	}
}

// shortRefusal is the response to a client that is turned away, whatever the request, which may not have come yet. It has
// no body, since the response to a HEAD may have none.
func (e *Engine) shortRefusal(come []byte, r *Refusal) []byte {
	if n := min(len(come), len(prefaceStart)); n > 0 && string(come[:n]) == prefaceStart[:n] {
		return nil
	}
	b := http1.AppendStatusLine(nil, r.Status, http.StatusText(r.Status))
	b = http1.AppendField(b, "Date", e.watch.Date())
	b = http1.AppendField(b, "Connection", "close")
	b = http1.AppendField(b, "Cache-Control", "no-store")
	b = http1.AppendField(b, "Content-Length", "0")
	return append(b, "\r\n"...)
}
