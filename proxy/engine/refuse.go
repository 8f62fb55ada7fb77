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
	// refusedTime is how long a refused connection may wait for its response, maxRefusals how many a second may do so.
	refusedTime = time.Second
	maxRefusals = 100
	// Sleep for rejectPause after every rejectBurst rejections, so that a flood cannot starve open connections.
	rejectBurst = 16
	rejectPause = time.Millisecond
	// prefaceStart is how clients of HTTP/2 begin. They cannot read a response of HTTP/1.1.
	prefaceStart = "PRI * HTTP/2"
)

// refusalBudget limits the refused connections a second that get a response of the handler. It is safe for concurrent
// use.
type refusalBudget struct {
	mu     sync.Mutex
	second int64
	count  int
}

// spend reports whether another one may.
func (b *refusalBudget) spend(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if second := now.Unix(); second != b.second {
		b.second, b.count = second, 0
	}
	b.count++
	return b.count <= maxRefusals
}

// acceptor admits the connections of a listener. Only the goroutine that accepts them uses it.
type acceptor struct {
	engine   *Engine
	secure   bool
	rejected int
}

// admit asks the limiter about a connection. It returns nil if it closed the connection.
func (a *acceptor) admit(accepted net.Conn) *conn {
	from := originOf(accepted.RemoteAddr())
	if a.engine.config.ConnLimiter == nil || a.engine.config.Announced.Contains(from.addr) {
		return newConn(a.engine, accepted, from, a.secure)
	}
	admitted, refusal := a.engine.config.ConnLimiter.Enter(from.peer)
	if refusal != nil && (a.secure || !a.engine.refusals.spend(time.Now())) {
		a.reject(accepted, refusal)
		return nil
	}
	c := newConn(a.engine, accepted, from, a.secure)
	c.setAdmission(admitted, refusal)
	return c
}

// reject closes a connection with a response that costs little, or without one if that would need a TLS handshake.
func (a *acceptor) reject(accepted net.Conn, r *Refusal) {
	if a.secure {
		_ = accepted.Close()
	} else {
		socket.Reject(accepted, func(received []byte) []byte { return a.engine.shortRefusal(received, r) })
	}
	if a.rejected++; a.rejected%rejectBurst == 0 {
		a.engine.pause(rejectPause)
	}
}

// shortRefusal is the response to a rejected client, whatever its request, which may not have arrived. It has no body,
// since the request may be a HEAD.
func (e *Engine) shortRefusal(received []byte, r *Refusal) []byte {
	if n := min(len(received), len(prefaceStart)); n > 0 && string(received[:n]) == prefaceStart[:n] {
		return nil
	}
	b := http1.AppendStatusLine(nil, r.Status, http.StatusText(r.Status))
	b = http1.AppendField(b, "Date", e.watch.Date())
	b = http1.AppendField(b, "Connection", "close")
	b = http1.AppendField(b, "Cache-Control", "no-store")
	b = http1.AppendField(b, "Content-Length", "0")
	return append(b, "\r\n"...)
}
