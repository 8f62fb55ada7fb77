package engine

import (
	"errors"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// http3Conn is one connection of a client that speaks HTTP/3.
type http3Conn struct {
	server *http3Server
	origin
	admitted Admitted
	// shaken reports that the handshake has ended, well or not.
	shaken atomic.Bool
	conn   *quic.Conn
	// tls is what the handshake settled.
	tls *TLS
	// control is the stream for settings and GOAWAY.
	control *quic.SendStream
	pins    pins
	// refused is the number of requests that were refused since the last one that was not. Only Serve uses it.
	refused int

	mu sync.Mutex
	// active is the number of exchanges under way, tunnels that of the tunnels among them.
	active, tunnels int
	// next is the stream of the next request.
	next quic.StreamID
	// retired reports that no new requests are accepted.
	retired bool
	// idle ends the connection when nothing is under way for long, or for lingerPause if it is retired.
	idle *time.Timer
}

// failed is called when the connection has ended.
func (c *http3Conn) failed(err error) {
	if c.shaken.CompareAndSwap(false, true) {
		c.server.engine.log.Debug("a handshake failed", "peer", c.peer, "error", err)
		c.server.handshakes.Add(-1)
		c.leave()
	}
}

func (c *http3Conn) leave() {
	if c.admitted != nil {
		c.admitted.Leave()
	}
}

// Serve serves a connection until it and all its exchanges have ended.
func (c *http3Conn) Serve() {
	var all sync.WaitGroup
	defer c.leave()
	defer c.server.forget(c)
	defer c.pins.release()
	defer all.Wait()
	if err := c.open(); err != nil {
		c.close(http3.ErrCodeInternalError)
		return
	}
	defer c.stopIdle()
	all.Go(func() {
		for {
			stream, err := c.conn.AcceptUniStream(c.conn.Context())
			if err != nil {
				return
			}
			all.Go(func() { c.readUni(stream) })
		}
	})
	for {
		stream, err := c.conn.AcceptStream(c.conn.Context())
		if err != nil {
			return
		}
		if !c.begin(stream) {
			c.refuse(stream)
			continue
		}
		c.refused = 0
		all.Go(func() { c.serveStream(stream) })
	}
}

// open opens the control stream, whose first frame has the settings.
func (c *http3Conn) open() error {
	control, err := c.conn.OpenUniStream()
	if err != nil {
		return err
	}
	config := &c.server.engine.config
	var settings []byte
	for _, s := range [][2]uint64{
		{settingFieldSection, uint64(config.Limits.Head + config.Fields*fieldOverhead)}, //nolint:gosec // It is not negative.
		{settingConnect, 1},
	} {
		settings = quicvarint.Append(quicvarint.Append(settings, s[0]), s[1])
	}
	first := quicvarint.Append(nil, http3Control)
	first = quicvarint.Append(first, http3Settings)
	first = quicvarint.Append(first, uint64(len(settings)))
	if _, err := control.Write(append(first, settings...)); err != nil {
		return err
	}
	c.mu.Lock()
	c.control = control
	c.idle = time.AfterFunc(orForever(config.Idle), c.expire)
	c.mu.Unlock()
	if c.server.engine.draining.Load() {
		c.retire()
	}
	return nil
}

// Settings (RFC 9114 section 7.2.4.1, RFC 9220 section 5).
const (
	settingFieldSection = 0x6
	settingConnect      = 0x8
)

// begin counts an exchange. It returns false if the request is refused: none of it was read, so that the client can send
// it again (RFC 9114 section 4.1.1).
func (c *http3Conn) begin(stream *quic.Stream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.retired || c.active >= maxStreams || c.admitted != nil && c.admitted.Begin() != nil {
		return false
	}
	c.active++
	c.next = stream.StreamID() + 4
	c.server.engine.busy.Add(1)
	c.idle.Stop()
	return true
}

// refuse refuses a request. A client that sends no others loses its connection.
func (c *http3Conn) refuse(stream *quic.Stream) {
	reset(stream, http3.ErrCodeRequestRejected)
	if c.refused++; c.refused > mostRefused {
		c.close(http3.ErrCodeExcessiveLoad)
	}
}

// end undoes begin.
func (c *http3Conn) end() {
	if c.admitted != nil {
		c.admitted.End()
	}
	c.server.engine.busy.Add(-1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active--; c.active == 0 {
		c.await()
	}
}

// await starts the timer of an idle connection. The caller holds the lock.
func (c *http3Conn) await() {
	if c.retired {
		// The client is expected to close the connection, once it has read everything.
		c.idle.Reset(lingerPause)
		return
	}
	c.idle.Reset(orForever(c.server.engine.config.Idle))
}

// expire ends a connection that was idle for long, and one that is retired.
func (c *http3Conn) expire() {
	c.mu.Lock()
	active, retired := c.active, c.retired
	c.mu.Unlock()
	switch {
	case active > 0:
	case retired:
		c.close(http3.ErrCodeNoError)
	default:
		c.retire()
	}
}

// retire tells the client that no new requests are accepted (RFC 9114 section 5.2).
func (c *http3Conn) retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.retired || c.control == nil {
		return
	}
	c.retired = true
	id := uint64(c.next) //nolint:gosec // It is not negative.
	frame := quicvarint.Append([]byte{http3GoAway}, uint64(quicvarint.Len(id)))
	// A client that grants no credit for it gets no GOAWAY.
	_ = c.control.SetWriteDeadline(time.Now().Add(lingerPause))
	_, _ = c.control.Write(quicvarint.Append(frame, id))
	if c.active == 0 {
		c.await()
	}
}

func (c *http3Conn) stopIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.Stop()
}

// tunnel counts tunnels that begin or end. Drain does not wait for them.
func (c *http3Conn) tunnel(change int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tunnels += change
	c.server.engine.busy.Add(int64(-change))
}

func (c *http3Conn) tunnelling() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tunnels > 0
}

// close ends the connection and waits until its end was sent.
func (c *http3Conn) close(code http3.ErrCode) {
	_ = c.conn.CloseWithError(quic.ApplicationErrorCode(code), "")
}

// judge ends the connection if an error says so.
func (c *http3Conn) judge(err error) {
	if broken, ok := errors.AsType[*http3Error](err); ok && broken.conn {
		c.server.logFailure(c, err)
		c.close(broken.code)
	}
}

// readWithin limits the next reads of a stream; 0 is no limit.
func (c *http3Conn) readWithin(stream *quic.Stream, d time.Duration) {
	var until time.Time
	if d > 0 {
		until = time.Now().Add(d)
	}
	_ = stream.SetReadDeadline(until)
}

// from is where the client is now: it may have another address than at first (RFC 9000 section 9).
func (c *http3Conn) from() origin {
	if udp, ok := c.conn.RemoteAddr().(*net.UDPAddr); ok {
		if now := udp.AddrPort().Addr().Unmap().WithZone(""); now != c.addr {
			return originAt(now)
		}
	}
	return c.origin
}

// reset ends both directions of a stream.
func reset(stream *quic.Stream, code http3.ErrCode) {
	stream.CancelRead(quic.StreamErrorCode(code))
	stream.CancelWrite(quic.StreamErrorCode(code))
}

// readUni reads a unidirectional stream of the client. Nothing that QPACK's streams say matters without a dynamic table.
func (c *http3Conn) readUni(stream *quic.ReceiveStream) {
	var r http3Reader
	r.reset(stream)
	kind, err := r.number()
	if err != nil {
		return
	}
	switch kind {
	case http3Control:
		c.judge(c.readControl(&r))
	case http3Push:
		c.judge(&http3Error{http3.ErrCodeStreamCreationError, true})
	case http3Encoder, http3Decoder:
	default:
		stream.CancelRead(quic.StreamErrorCode(http3.ErrCodeStreamCreationError))
	}
}

// readControl reads the control stream (RFC 9114 section 6.2.1).
func (c *http3Conn) readControl(r *http3Reader) error {
	for begun := false; ; begun = true {
		kind, length, err := r.next()
		var failed *quic.StreamError
		switch {
		case err == io.EOF || errors.As(err, &failed):
			return &http3Error{http3.ErrCodeClosedCriticalStream, true}
		case err != nil:
			return err
		case !begun && kind != http3Settings:
			return &http3Error{http3.ErrCodeMissingSettings, true}
		case begun && kind == http3Settings, kind == http3Data, kind == http3Headers, kind == http3PushPromise:
			return errFrameUnexpected
		case length > math.MaxUint16:
			return errExcessiveLoad
		}
		if err := r.skip(length); err != nil {
			return err
		}
	}
}
