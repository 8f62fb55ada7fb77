package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"gateway/proxy/header"
	"gateway/proxy/socket"
)

// upgrade relays a 101 and then all bytes in both directions.
func (f *forwarding) upgrade() error {
	a := &f.x.response
	if f.x.Request.Upgrade == "" || !header.Lists(f.x.Request.Upgrade, a.Upgrade) {
		return fmt.Errorf("%w: it changed to the protocol %q, which was not asked for", ErrResponse, a.Upgrade)
	}
	if f.sending != nil {
		// The rest of the body must not be taken for what follows it (RFC 9110 section 7.8).
		if !f.sending.settled() {
			return fmt.Errorf("%w: it changed the protocol before it had the request", ErrResponse)
		}
		<-f.sending.ended
	}
	f.hooks.Incoming(a.Status, &a.Header)
	if f.x.client.unwatch() {
		return f.x.clientFailed(errDisconnected)
	}
	f.link.sock.Within(0)
	f.x.phase, f.x.status, f.x.stream = begun, http.StatusSwitchingProtocols, true
	client, err := f.x.client.switchProtocol(a.Upgrade, a.Header)
	if err != nil {
		return f.x.clientFailed(err)
	}
	t := tunnel{f: f, client: client, target: targetSide{f.link}}
	t.Serve()
	f.x.phase = ended
	return nil
}

var errDisconnected = errors.New("the connection to the client is closed")

// tunnel is an upgraded connection.
type tunnel struct {
	f              *forwarding
	client, target tunnelSide
}

// Serve copies both directions until both have ended, or one side disconnects.
func (t *tunnel) Serve() {
	outward := make(chan struct{})
	go func() {
		defer close(outward)
		passOn(t.target, t.client, t.f.x.outs[:])
	}()
	// Bytes that arrived with the head come first.
	if _, err := t.client.Write(t.f.buf[t.f.from:t.f.got]); err != nil {
		t.target.interruption().Interrupt()
	}
	passOn(t.client, t.target, t.f.x.memory.back[:])
	<-outward
}

// passOn copies one direction. When that ends, the other one continues: a side that has ended its stream may still read
// (RFC 9293 section 3.6), as long as it is connected. When it breaks, the other one ends too.
func passOn(to, from tunnelSide, buf []byte) {
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				from.interruption().Interrupt()
				to.interruption().Interrupt()
				return
			}
		}
		if err == nil {
			continue
		}
		if err != io.EOF || to.CloseWrite() != nil {
			to.interruption().Interrupt()
		}
		from.watch(to.interruption())
		return
	}
}

// targetSide is the connection to the target.
type targetSide struct{ link *link }

// Read implements io.Reader.
func (t targetSide) Read(p []byte) (int, error) { return t.link.stream.Read(p) }

// Write implements io.Writer.
func (t targetSide) Write(p []byte) (int, error) { return t.link.stream.Write(p) }

// CloseWrite implements tunnelSide.
func (t targetSide) CloseWrite() error { return closeWrite(t.link.stream) }

func (t targetSide) watch(other *socket.Interruption) { t.link.sock.NotifyBroken(other) }

func (t targetSide) interruption() *socket.Interruption { return t.link.sock.Interruption() }

// closeWrite ends the outgoing stream of a connection, if that is possible without ending the incoming one.
func closeWrite(conn any) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
