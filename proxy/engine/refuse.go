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
	// refusedTime is how long a connection that was refused may wait for its answer, refusedMost how many in a second may
	// do so.
	refusedTime = time.Second
	refusedMost = 100
	// After each so many connections that were turned away, those that were let in get the processor for a while: who
	// floods the gateway waits, not who is being served.
	turnedMost  = 16
	turnedPause = time.Millisecond
	// unread begins what clients of HTTP/2 send, who would make nothing of an answer of HTTP/1.1.
	unread = "PRI * HTTP/2"
)

// courtesy counts the connections in each second that are refused with an answer of the handler's. It is safe for
// concurrent use.
type courtesy struct {
	mu     sync.Mutex
	second int64
	count  int
}

// extend reports whether one more gets it.
func (c *courtesy) extend(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if second := now.Unix(); second != c.second {
		c.second, c.count = second, 0
	}
	c.count++
	return c.count <= refusedMost
}

// door is where the connections of a listener come in. It belongs to who accepts them.
type door struct {
	engine *Engine
	secure bool
	turned int
}

// admit asks whether a client may connect. It returns nil when the connection was ended.
func (d *door) admit(accepted net.Conn) *conn {
	from := originOf(accepted.RemoteAddr())
	if d.engine.config.Doorman == nil || d.engine.config.Announced.Contains(from.addr) {
		return newConn(d.engine, accepted, from, d.secure)
	}
	admitted, refusal := d.engine.config.Doorman.Enter(from.peer)
	if refusal != nil && (d.secure || !d.engine.courtesy.extend(time.Now())) {
		d.turnAway(accepted, refusal)
		return nil
	}
	c := newConn(d.engine, accepted, from, d.secure)
	c.told(admitted, refusal)
	return c
}

// turnAway ends a connection with an answer that costs next to nothing, or with none where it would cost a handshake.
func (d *door) turnAway(accepted net.Conn, r *Refusal) {
	if d.secure {
		_ = accepted.Close()
	} else {
		socket.Dismiss(accepted, func(come []byte) []byte { return d.engine.curt(come, r) })
	}
	if d.turned++; d.turned%turnedMost == 0 {
		d.engine.pause(turnedPause)
	}
}

// curt is the answer to who is turned away, whatever the request, which may not have come yet. So it has no body, which an
// answer to HEAD may not have.
func (e *Engine) curt(come []byte, r *Refusal) []byte {
	if n := min(len(come), len(unread)); n > 0 && string(come[:n]) == unread[:n] {
		return nil
	}
	b := http1.AppendStatusLine(nil, r.Status, http.StatusText(r.Status))
	b = http1.AppendField(b, "Date", e.watch.Date())
	b = http1.AppendField(b, "Connection", "close")
	b = http1.AppendField(b, "Cache-Control", "no-store")
	b = http1.AppendField(b, "Content-Length", "0")
	return append(b, "\r\n"...)
}
