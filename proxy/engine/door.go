package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"gateway/proxy/http1"
	client "gateway/proxy/peer"
)

// Doorman decides which visitors may connect. It is called by many goroutines at once.
type Doorman interface {
	// Enter is asked once for each connection, as soon as the visitor's address is known. Who is refused, with status 429
	// or 503, gets that for an answer, and the connection ends. A hundred in each second get it by way of Handler.Refuse, if
	// their request comes within a second, and the others a few words at once. Connections that begin with a TLS
	// handshake or with HTTP/2 end without, since an answer would cost more than what was refused, and so do others that
	// were announced.
	Enter(peer string) *Refusal
	// Leave follows when a connection has ended for which Enter returned nil.
	Leave(peer string)
}

// arrival is a connection that may not have been let in.
type arrival struct{ *conn }

// welcome does what comes before the first request. It returns false when the connection has ended.
func (c arrival) welcome() bool {
	if err := c.introduce(); err != nil {
		c.engine.log.Debug("a connection did not begin with a PROXY header", "peer", c.peer, "error", err)
		return false
	}
	return c.enter() && c.shake()
}

// introduce learns who the visitor is from a proxy that says so first.
func (c arrival) introduce() error {
	if !c.engine.config.Announced.Contains(c.addr) {
		return nil
	}
	c.sock.Within(c.engine.config.Timeouts.Head)
	var read []byte
	for {
		h, more, err := client.ParseHeader(read)
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
		if !errors.Is(err, client.ErrIncomplete) {
			return err
		}
		n := len(read)
		read = append(read, make([]byte, more)...)
		if _, err := io.ReadFull(c.sock, read[n:]); err != nil {
			return fmt.Errorf("it ends too early: %w", err)
		}
	}
}

// enter asks whether the visitor may connect who was announced; the others were asked for before.
func (c arrival) enter() bool {
	d := c.engine.config.Doorman
	if d == nil || c.entered || c.refused != nil {
		return true
	}
	refusal := d.Enter(c.peer)
	if _, secure := c.stream.(*tls.Conn); refusal != nil && (secure || !c.engine.courtesy.extend(time.Now())) {
		c.broken = true
		return false
	}
	c.told(refusal)
	return true
}

// told notes what the doorman said.
func (c arrival) told(r *Refusal) {
	if c.entered = r == nil; !c.entered {
		c.refused = &http1.Invalid{Status: r.Status, Rule: r.Reason, Section: "RFC 6585 section 4"}
	}
}

// depart undoes enter.
func (c arrival) depart() {
	if c.entered {
		c.engine.config.Doorman.Leave(c.peer)
	}
}

// switches says where a connection goes that begins as HTTP/2 does.
func (c arrival) switches() leaving {
	if c.refused != nil {
		c.broken = true
		return nowhere
	}
	return toHTTP2
}

// idle is how long the connection may wait for a request.
func (c arrival) idle() time.Duration {
	if c.refused != nil {
		return refusedTime
	}
	return c.engine.config.Idle
}

// shake does the handshake of TLS. It returns false when the connection has ended.
func (c arrival) shake() bool {
	secured, ok := c.stream.(*tls.Conn)
	if !ok {
		return true
	}
	c.sock.Within(c.engine.config.Timeouts.Head)
	if err := secured.HandshakeContext(c.engine.base); err != nil {
		c.engine.log.Debug("a handshake failed", "peer", c.peer, "error", err)
		return false
	}
	if secured.ConnectionState().NegotiatedProtocol == "h2" {
		c.engine.http2.serveConn(c.conn, secured)
		return false
	}
	return true
}
