package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gateway/proxy/http1"
	announce "gateway/proxy/peer"
)

// ConnLimiter decides which clients may connect, and how many requests each may have under way. It is safe for concurrent
// use.
type ConnLimiter interface {
	// Enter is called once for each connection, as soon as the client's address is known. A refusal, with status 429 or
	// 503, is the response, and the connection ends. Handler.Refuse writes it for a hundred connections in each second, if
	// their request comes within a second; the others get a head without a body at once. Connections that begin with a
	// TLS handshake or with HTTP/2 end without a response, since one would cost more than what was refused, and so do
	// connections of other proxies that announce their clients.
	Enter(peer string) (Admitted, *Refusal)
}

// Admitted is a connection that was let in. It is safe for concurrent use, and allocates nothing.
type Admitted interface {
	// Begin is called before each request: over HTTP/1.1 when a part of its head has come, and over HTTP/2 before there is
	// an exchange. A refusal, with status 429 or 503, is the response as ConnLimiter.Enter says, and the connection ends.
	// Over HTTP/2 the stream alone ends, with REFUSED_STREAM (RFC 9113 section 8.7).
	Begin() *Refusal
	// End is called when a request ends for which Begin returned nil, with the connection that it was upgraded to.
	End()
	// Leave is called when the connection has ended.
	Leave()
}

// prepare does what comes before the first request. It returns false when the connection has ended.
func (c *conn) prepare() bool {
	if err := c.readProxyHeader(); err != nil {
		c.engine.log.Debug("a connection did not begin with a PROXY header", "peer", c.peer, "error", err)
		return false
	}
	return c.admit() && c.handshakeTLS()
}

// readProxyHeader learns who the client is from a proxy that says so first.
func (c *conn) readProxyHeader() error {
	if !c.engine.config.Announced.Contains(c.addr) {
		return nil
	}
	c.sock.Within(c.engine.config.Timeouts.Head)
	var read []byte
	for {
		h, more, err := announce.ParseHeader(read)
		if err == nil {
			switch {
			case h.Source.IsValid():
				c.origin = originAt(h.Source.Addr())
			case !h.Local:
				// It speaks for somebody whom it does not know, and who is not to be believed as it is.
				c.origin = origin{peer: "unknown"}
			}
			return nil
		}
		if !errors.Is(err, announce.ErrIncomplete) {
			return err
		}
		n := len(read)
		read = append(read, make([]byte, more)...)
		if _, err := io.ReadFull(c.sock, read[n:]); err != nil {
			return fmt.Errorf("it ends too early: %w", err)
		}
	}
}

// admit asks whether a client may connect that another proxy announced; for the others, door.admit has asked.
func (c *conn) admit() bool {
	d := c.engine.config.ConnLimiter
	if d == nil || c.admitted != nil || c.refused != nil {
		return true
	}
	admitted, refusal := d.Enter(c.peer)
	if _, secure := c.stream.(*tls.Conn); refusal != nil && (secure || !c.engine.refusals.spend(time.Now())) {
		c.broken = true
		return false
	}
	c.setAdmission(admitted, refusal)
	return true
}

// setAdmission notes the decision of the ConnLimiter.
func (c *conn) setAdmission(admitted Admitted, r *Refusal) {
	if c.admitted = admitted; r != nil {
		c.admitted, c.refused = nil, r.invalid()
	}
}

// invalid is the refusal as what a head can be.
func (r *Refusal) invalid() *http1.Invalid {
	return &http1.Invalid{Status: r.Status, Rule: r.Reason, Section: "RFC 6585 section 4"}
}

// leaveLimiter undoes enter.
func (c *conn) leaveLimiter() {
	if c.admitted != nil {
		c.admitted.Leave()
	}
}

// admitRequest counts the request under way, whose head may not be whole yet. It reports whether it was refused; then the
// connection ends.
func (c *conn) admitRequest() (refused bool) {
	if c.requestAdmitted || c.admitted == nil {
		return false
	}
	r := c.admitted.Begin()
	switch {
	case r == nil:
		c.requestAdmitted = true
		return false
	case c.engine.refusals.spend(time.Now()):
		c.refuse(r.invalid())
	default:
		c.over = true
		// It fails when the client is gone, who then needs no response.
		_, _ = c.stream.Write(c.engine.shortRefusal(c.inbox.in[c.inbox.from:c.inbox.to], r))
	}
	return true
}

// releaseRequest ends what hold began.
func (c *conn) releaseRequest() {
	if c.requestAdmitted {
		c.requestAdmitted = false
		c.admitted.End()
	}
}

// http2Exit says where a connection goes that begins as HTTP/2 does.
func (c *conn) http2Exit() loopExit {
	if c.refused != nil {
		c.broken = true
		return exitEnd
	}
	return exitHTTP2
}

// idleTimeout is how long the connection may wait for a request.
func (c *conn) idleTimeout() time.Duration {
	if c.refused != nil {
		return refusedTime
	}
	return c.engine.config.Idle
}

// handshakeTLS does the handshake of TLS. It returns false when the connection has ended.
func (c *conn) handshakeTLS() bool {
	secured, ok := c.stream.(*tls.Conn)
	if !ok {
		return true
	}
	c.sock.Within(c.engine.config.Timeouts.Head)
	if err := secured.HandshakeContext(c.engine.base); err != nil {
		c.engine.log.Debug("a handshake failed", "peer", c.peer, "error", err)
		return false
	}
	state := secured.ConnectionState()
	if state.NegotiatedProtocol != "h2" {
		return true
	}
	if !adequate(state) {
		// It fails when the client is gone, who then needs no response.
		_, _ = secured.Write([]byte(inadequate))
		return false
	}
	c.engine.http2.serveConn(c, secured)
	return false
}

// inadequate are the frames SETTINGS and GOAWAY with INADEQUATE_SECURITY (RFC 9113 section 7).
const inadequate = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x08\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x0c"

// adequate reports whether the cipher suite is one that HTTP/2 allows (RFC 9113 section 9.2.2).
func adequate(state tls.ConnectionState) bool {
	if state.Version > tls.VersionTLS12 {
		return true
	}
	name := tls.CipherSuiteName(state.CipherSuite)
	return state.Version == tls.VersionTLS12 && strings.HasPrefix(name, "TLS_ECDHE_") && (strings.Contains(name, "_GCM_") || strings.Contains(name, "_CHACHA20_"))
}
