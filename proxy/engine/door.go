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

// welcome does what comes before the first request. It returns false when the connection has ended.
func (c *conn) welcome() bool {
	if err := c.introduce(); err != nil {
		c.engine.log.Debug("a connection did not begin with a PROXY header", "peer", c.peer, "error", err)
		return false
	}
	return c.enter() && c.shake()
}

// introduce learns who the client is from a proxy that says so first.
func (c *conn) introduce() error {
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

// enter asks whether a client may connect that another proxy announced; for the others, door.admit has asked.
func (c *conn) enter() bool {
	d := c.engine.config.ConnLimiter
	if d == nil || c.admitted != nil || c.refused != nil {
		return true
	}
	admitted, refusal := d.Enter(c.peer)
	if _, secure := c.stream.(*tls.Conn); refusal != nil && (secure || !c.engine.polite.spend(time.Now())) {
		c.broken = true
		return false
	}
	c.limited(admitted, refusal)
	return true
}

// limited notes the decision of the ConnLimiter.
func (c *conn) limited(admitted Admitted, r *Refusal) {
	if c.admitted = admitted; r != nil {
		c.admitted, c.refused = nil, r.invalid()
	}
}

// invalid is the refusal as what a head can be.
func (r *Refusal) invalid() *http1.Invalid {
	return &http1.Invalid{Status: r.Status, Rule: r.Reason, Section: "RFC 6585 section 4"}
}

// depart undoes enter.
func (c *conn) depart() {
	if c.admitted != nil {
		c.admitted.Leave()
	}
}

// hold counts the request under way, whose head may not be whole yet. It reports whether it was refused; then the
// connection ends.
func (c *conn) hold() (refused bool) {
	if c.held || c.admitted == nil {
		return false
	}
	r := c.admitted.Begin()
	switch {
	case r == nil:
		c.held = true
		return false
	case c.engine.polite.spend(time.Now()):
		c.refuse(r.invalid())
	default:
		c.over = true
		// It fails when the client is gone, who then needs no response.
		_, _ = c.stream.Write(c.engine.shortRefusal(c.inbox.in[c.inbox.from:c.inbox.to], r))
	}
	return true
}

// release ends what hold began.
func (c *conn) release() {
	if c.held {
		c.held = false
		c.admitted.End()
	}
}

// switches says where a connection goes that begins as HTTP/2 does.
func (c *conn) switches() leaving {
	if c.refused != nil {
		c.broken = true
		return nowhere
	}
	return toHTTP2
}

// idle is how long the connection may wait for a request.
func (c *conn) idle() time.Duration {
	if c.refused != nil {
		return refusedTime
	}
	return c.engine.config.Idle
}

// shake does the handshake of TLS. It returns false when the connection has ended.
func (c *conn) shake() bool {
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
