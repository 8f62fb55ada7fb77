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

// ConnLimiter limits the connections of clients and the requests under way on them. It is safe for concurrent use.
type ConnLimiter interface {
	// Enter is called once for each connection, as soon as the client's address is known. On a refusal, with status 429
	// or 503, the client gets that response and the connection ends. Handler.Refuse writes the response for up to a
	// hundred connections a second whose request arrives within a second; the others get a head without a body at once.
	// Connections that begin with a TLS handshake or with HTTP/2, and those of proxies that announce their clients, end
	// without a response, which would cost more than the refused request.
	Enter(peer string) (Admitted, *Refusal)
}

// Admitted is a connection that Enter accepted. It is safe for concurrent use and allocates nothing.
type Admitted interface {
	// Begin is called before each request: over HTTP/1.1 once a part of its head has arrived, and over HTTP/2 before
	// there is an exchange. On a refusal, with status 429 or 503, the client gets a response as for ConnLimiter.Enter,
	// and the connection ends. Over HTTP/2 only the stream ends, with REFUSED_STREAM (RFC 9113 section 8.7).
	Begin() *Refusal
	// End is called when a request ends for which Begin returned nil, and with it the connection that it was upgraded
	// to.
	End()
	// Leave is called when the connection has ended.
	Leave()
}

// prepare does what precedes the first request: the PROXY header, the limiter and the TLS handshake. It returns false
// if the connection has ended.
func (c *conn) prepare() bool {
	if err := c.readProxyHeader(); err != nil {
		c.engine.log.Debug("a connection did not begin with a PROXY header", "peer", c.peer, "error", err)
		return false
	}
	return c.admit() && c.handshakeTLS()
}

// readProxyHeader reads the client's address from the PROXY header of a proxy that sends one.
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
				// The proxy does not know its client, and the request is not its own.
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

// admit asks the limiter about a client that a proxy announced; acceptor.admit has asked about the others.
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

// setAdmission stores the decision of the ConnLimiter.
func (c *conn) setAdmission(admitted Admitted, r *Refusal) {
	if c.admitted = admitted; r != nil {
		c.admitted, c.refused = nil, r.invalid()
	}
}

// invalid returns the refusal as an error of a head.
func (r *Refusal) invalid() *http1.Invalid {
	return &http1.Invalid{Status: r.Status, Rule: r.Reason, Section: "RFC 6585 section 4"}
}

// leaveLimiter undoes admit.
func (c *conn) leaveLimiter() {
	if c.admitted != nil {
		c.admitted.Leave()
	}
}

// admitRequest asks the limiter about a request, whose head may be incomplete. If it refused the request, the
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
		// An error means that the client has disconnected and needs no response.
		_, _ = c.stream.Write(c.engine.shortRefusal(c.inbox.in[c.inbox.from:c.inbox.to], r))
	}
	return true
}

// releaseRequest undoes admitRequest.
func (c *conn) releaseRequest() {
	if c.requestAdmitted {
		c.requestAdmitted = false
		c.admitted.End()
	}
}

// http2Exit returns where to continue with a connection that begins with the preface of HTTP/2.
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

// handshakeTLS does the TLS handshake. It returns false if the connection has ended.
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
	c.tls = newTLS(&state)
	switch state.NegotiatedProtocol {
	case "h2":
	case "", "http/1.1", "http/1.0":
		return true
	default:
		// Another protocol ends with its handshake, as acme-tls/1 does (RFC 8737 section 3).
		return false
	}
	if !adequate(state) {
		// An error means that the client has disconnected and needs no response.
		_, _ = secured.Write([]byte(inadequate))
		return false
	}
	c.engine.http2.serveConn(c, secured)
	return false
}

// inadequate has the frames SETTINGS and GOAWAY with INADEQUATE_SECURITY (RFC 9113 section 7).
const inadequate = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x08\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x0c"

// adequate reports whether the cipher suite is one that HTTP/2 allows (RFC 9113 section 9.2.2).
func adequate(state tls.ConnectionState) bool {
	if state.Version > tls.VersionTLS12 {
		return true
	}
	name := tls.CipherSuiteName(state.CipherSuite)
	return state.Version == tls.VersionTLS12 && strings.HasPrefix(name, "TLS_ECDHE_") && (strings.Contains(name, "_GCM_") || strings.Contains(name, "_CHACHA20_"))
}
