package engine

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// conn is one connection of a client. One goroutine does everything on it, except for sending a body that did not
// arrive with its head. While no request is under way, it has no exchange, and so no memory to read into.
type conn struct {
	engine *Engine
	sock   *socket.Socket
	// stream is the socket, or the TLS connection on it.
	stream net.Conn
	// tls is what the handshake of stream settled, nil without TLS.
	tls *TLS
	// cork is between the socket and TLS or HTTP/2, which write small pieces; otherwise it is nil.
	cork *cork
	// pins are the targets with connections that are pinned to this one.
	pins pins
	origin

	// x is the exchange under way, or the one into which the next request is read; nil while the connection is idle.
	x *Exchange
	// inbox and writer are those of x.
	inbox  *inbox
	writer *responseWriter
	// refused is the response to the first request if the ConnLimiter refused the client. admitted is its other result,
	// nil without a ConnLimiter, and requestAdmitted reports that it has a request under way.
	refused         *http1.Invalid
	admitted        Admitted
	requestAdmitted bool
	state           atomic.Int32
	// first is the first byte of a request over TLS, firstRead reports that it was read.
	first     [1]byte
	firstRead bool
	// served reports that there was a request, headTimed that the timeout of the current head is set, arrived that the
	// first request has arrived or is no longer awaited.
	served, headTimed, arrived bool
	// streaming reports that the body of the request follows its head.
	streaming bool
	// over reports that the connection ends, unread that it may end before the client has sent everything, broken that
	// it has to end with a reset.
	over, unread, broken bool
	// counted reports that the connection counts as busy until it is closed.
	counted bool
	exit    loopExit
}

// The states of a connection for Drain.
const (
	// stateNew: the first request has not arrived.
	stateNew int32 = iota
	stateIdle
	stateActive
	stateRetired
)

// loopExit is where to continue after the loop that reads requests.
type loopExit uint8

const (
	// exitEnd: the connection ends.
	exitEnd loopExit = iota
	// exitServe: with an exchange that needs the socket.
	exitServe
	// exitHTTP2: with HTTP/2, which the client speaks with prior knowledge.
	exitHTTP2
)

func newConn(e *Engine, accepted net.Conn, from origin, secure bool) *conn {
	c := &conn{engine: e, sock: socket.New(accepted, e.watch), origin: from}
	c.sock.WriteTimeout(e.config.Write)
	c.stream = c.sock
	if secure {
		c.cork = newCork(e, c.sock)
		c.stream = tls.Server(c.cork, e.config.TLS)
	}
	return c
}

// serve serves requests until the connection ends.
func (c *conn) serve() {
	c.engine.add(c)
	defer c.engine.remove(c)
	defer c.close()
	if !c.prepare() {
		return
	}
	for !c.over {
		c.exit = exitEnd
		if err := c.loop(); err != nil {
			return
		}
		switch c.exit {
		case exitServe:
			c.serveExchange()
			c.finishBody()
			c.endExchange()
		case exitHTTP2:
			c.cork = newCork(c.engine, c.sock)
			begun := bytes.Clone(c.inbox.in[c.inbox.from:c.inbox.to])
			c.discardInput()
			c.engine.http2.serveConn(c, &replay{Conn: c.cork, rest: begun})
			return
		case exitEnd:
			return
		}
	}
}

// loop reads and serves requests until something else must be done.
func (c *conn) loop() error {
	c.sock.Within(c.idleTimeout())
	if c.stream == net.Conn(c.sock) {
		return c.sock.Loop(c.step)
	}
	for !c.step() {
	}
	return nil
}

// step reads what has arrived and serves the complete requests. It returns true to leave the loop.
func (c *conn) step() bool {
	// Requests that were read before the loop was left come first.
	if c.x != nil && c.inbox.from < c.inbox.to && c.inbox.seen < c.inbox.to && c.serveBuffered() {
		return true
	}
	for {
		full, err := c.fill()
		if err == socket.ErrAgain {
			c.releaseExchange()
			return false
		}
		if err != nil {
			c.over = true
			return true
		}
		if c.serveBuffered() {
			return true
		}
		if !full && c.inbox.from == c.inbox.to { // within a head more is on its way
			c.releaseExchange()
			return false
		}
	}
}

// fill reads once. It reports whether it filled the buffer, so that there may be more to read.
func (c *conn) fill() (full bool, err error) {
	if c.x == nil {
		if c.stream != net.Conn(c.sock) {
			// TLS cannot tell whether there is something to read, so wait for one byte.
			if n, err := c.stream.Read(c.first[:]); n == 0 {
				return false, err
			}
			c.firstRead = true
			c.limitHead()
		}
		c.takeExchange()
		if c.firstRead && c.admitRequest() {
			return false, errRefused
		}
	}
	if c.inbox.from == c.inbox.to {
		c.inbox.from, c.inbox.to, c.inbox.seen = 0, 0, 0
	}
	space := c.inbox.in[c.inbox.to:]
	n, err := c.read(space)
	c.inbox.to += n
	if n > 0 {
		// The end that TLS reports comes again with the next read.
		err = nil
	}
	return n == len(space), err
}

// errRefused ends a connection whose request was refused.
var errRefused = errors.New("the client was refused")

func (c *conn) read(p []byte) (int, error) {
	if c.stream == net.Conn(c.sock) {
		return c.sock.TryRead(p)
	}
	if c.firstRead {
		c.firstRead = false
		p[0] = c.first[0]
		n, err := c.stream.Read(p[1:])
		return n + 1, err
	}
	return c.stream.Read(p)
}

// takeExchange takes an exchange and its memory from the pool.
func (c *conn) takeExchange() {
	x, _ := c.engine.exchanges.Get().(*Exchange)
	c.x, c.inbox, c.writer = x, &x.inbox, &x.writer
	c.inbox.reset(x.memory.in[:])
	// A client that is refused before its head was parsed must not see the header of an earlier request.
	x.head = http1.Request{Header: x.head.Header[:0]}
	c.writer.conn = c
	x.client = c.writer
}

// releaseExchange returns the exchange to the pool if no part of a request was read.
func (c *conn) releaseExchange() {
	if c.x == nil || c.inbox.from < c.inbox.to {
		return
	}
	c.x.client, c.writer.conn, c.x.reader.conn = nil, nil, nil
	c.inbox.reset(nil)
	c.engine.exchanges.Put(c.x)
	c.x, c.inbox, c.writer = nil, nil, nil
	c.releaseRequest()
}

// discardInput discards what was read.
func (c *conn) discardInput() {
	if c.x != nil {
		c.inbox.from = c.inbox.to
		c.releaseExchange()
	}
}

// serveBuffered serves the complete requests that were read, in their order. It returns true to leave the loop.
func (c *conn) serveBuffered() bool {
	for c.inbox.from < c.inbox.to {
		if !c.served && c.inbox.in[c.inbox.from] == 'P' {
			if whole, part := c.inbox.prefaced(); whole {
				c.exit = c.http2Exit()
				return true
			} else if part {
				c.limitHead()
				return c.admitRequest()
			}
		}
		n, err := c.parse()
		if err == http1.ErrIncomplete {
			if c.admitRequest() {
				return true
			}
			c.limitHead()
			c.inbox.makeRoom(c.engine.config.Limits.Head + 1)
			return false
		}
		if err != nil {
			c.refuse(err)
			return true
		}
		if c.admitRequest() {
			return true
		}
		c.inbox.from += n
		c.inbox.seen = c.inbox.from
		if c.begin(); c.needsSocket() {
			c.exit = exitServe
			return true
		}
		c.serveExchange()
		if c.endExchange(); c.over {
			return true
		}
		c.sock.Within(c.engine.config.Idle)
	}
	return false
}

// parse parses a head. It does not parse again until there is another line feed.
func (c *conn) parse() (int, error) {
	limits := http1.Limits{Bytes: c.engine.config.Limits.Head, Fields: c.engine.config.Fields}
	if c.inbox.seen > c.inbox.from && bytes.IndexByte(c.inbox.in[c.inbox.seen:c.inbox.to], '\n') < 0 && c.inbox.to-c.inbox.from < limits.Bytes {
		c.inbox.seen = c.inbox.to
		return 0, http1.ErrIncomplete
	}
	c.inbox.seen = c.inbox.to
	c.x.head.Header = c.x.Request.Header[:0]
	n, err := http1.ParseRequest(&c.x.head, c.inbox.in[c.inbox.from:c.inbox.to], limits)
	c.x.Request.Header = c.x.head.Header
	if c.refused != nil && err == nil {
		return n, c.refused
	}
	return n, err
}

// limitHead sets the timeout of the current head, from its first byte on. A refused client keeps its shorter timeout.
func (c *conn) limitHead() {
	if !c.headTimed && c.refused == nil {
		c.headTimed = true
		c.sock.Within(c.engine.config.Timeouts.Head)
	}
}

// begin makes the request an exchange.
func (c *conn) begin() {
	c.served, c.headTimed = true, false
	x, h := c.x, &c.x.head
	x.reset()
	x.Request = Request{
		Method: h.Method, Target: h.Target, Path: h.Path, Query: h.Query, Host: h.Host, Header: h.Header,
		Peer: c.peer, Addr: c.addr, Secure: c.stream != net.Conn(c.sock), TLS: c.tls, Major: 1, Minor: h.Minor, Length: h.Length,
		Upgrade: h.Upgrade, Trailers: h.Trailers, ConnAuth: h.ConnAuth,
	}
	c.writer.reset(h)
	c.streaming = false
	switch {
	case h.Length == 0:
	case h.Length > 0 && h.Length <= int64(c.inbox.to-c.inbox.from):
		x.whole = c.inbox.in[c.inbox.from : c.inbox.from+int(h.Length)]
		c.inbox.from += int(h.Length)
		c.inbox.seen = c.inbox.from
		x.received.Store(h.Length)
	default:
		c.streaming = true
		x.reader.reset(c, h.Length)
		x.body, x.spliced, x.trailer = &x.reader, &x.reader, &x.reader
	}
}

// needsSocket reports that the exchange has to read from the socket, which the loop does not allow.
func (c *conn) needsSocket() bool { return c.streaming || c.x.Request.Upgrade != "" }

// serveExchange serves the exchange and decides whether the connection continues.
func (c *conn) serveExchange() {
	x, e := c.x, c.engine
	// Count it before the state changes, so that Drain always sees one of the two.
	e.busy.Add(1)
	if !c.state.CompareAndSwap(stateIdle, stateActive) && !c.state.CompareAndSwap(stateNew, stateActive) {
		c.over = true
		return
	}
	c.engine.firstArrived(c)
	c.sock.Within(0)
	e.config.Handler.Serve(x)
	if x.phase != ended {
		x.Abort()
	}
	x.releaseBody()
	if c.writer.closing || x.phase == aborted || e.draining.Load() {
		c.over = true
		c.unread = c.unread || !c.writer.changed && c.inbox.more()
	}
	if !c.writer.changed && c.wantsTunnel() && c.inbox.from < c.inbox.to {
		// These bytes were for the tunnel that was not opened, and are not a request.
		c.over, c.unread = true, true
	}
	c.releaseRequest()
}

// wantsTunnel reports that the request asks for another protocol on the connection.
func (c *conn) wantsTunnel() bool {
	return c.x.Request.Upgrade != "" || c.x.Request.Method == http.MethodConnect
}

// finishBody finishes an exchange that may have read from the socket.
func (c *conn) finishBody() {
	if !c.streaming {
		return
	}
	// If the body was not read to its end, the connection cannot continue: the rest cannot be told from the next
	// request.
	if reader := &c.x.reader; !reader.done.Load() {
		c.over, c.unread = true, true
	} else if c.over && reader.more() {
		c.unread = true
	}
	c.x.reader.release()
}

// endExchange ends an exchange for Drain. The last exchange of a connection counts as busy until the connection is
// closed, so that the client can read its response.
func (c *conn) endExchange() {
	e := c.engine
	if !c.over {
		c.state.Store(stateIdle)
		if !e.draining.Load() {
			e.busy.Add(-1)
			return
		}
		// Drain has begun meanwhile, and may have retired the connection.
		c.over = true
		c.unread = c.state.CompareAndSwap(stateIdle, stateActive) && c.inbox.more()
	}
	c.counted = !c.writer.changed
}

// refuse responds to an invalid request.
func (c *conn) refuse(err error) {
	c.over, c.unread = true, true
	var invalid *http1.Invalid
	if !errors.As(err, &invalid) {
		return
	}
	c.begin()
	c.x.body, c.x.whole, c.x.Request.Upgrade, c.streaming, c.writer.closing = nil, nil, "", false, true
	c.x.received.Store(0)
	c.engine.busy.Add(1)
	c.counted = true
	c.engine.config.Handler.Refuse(c.x, &Refusal{Status: invalid.Status, Reason: invalid.Error()})
	if c.x.phase != ended {
		c.x.Abort()
	}
}

// retire ends a connection in that state, without a request under way. Drain calls it.
func (c *conn) retire(state int32) {
	if c.state.CompareAndSwap(state, stateRetired) {
		c.sock.Interrupt()
	}
}

const (
	// Before it closes a connection, the engine reads and discards what the client still sends until the client has
	// read the last response: closing with unread bytes would make the client lose it (RFC 9112 section 9.6).
	// lingerPause is how long the client may send nothing, lingerTime how long this may take. Refused connections,
	// which no limit counts, have refusedTime.
	lingerPause = 2 * time.Second
	lingerTime  = 30 * time.Second
)

// close ends the connection.
func (c *conn) close() {
	c.pins.release()
	switch {
	case c.broken:
		c.sock.Reset()
	case c.unread && !c.sock.Interrupted():
		c.linger()
	}
	_ = c.stream.Close()
	c.discardInput()
	c.releaseRequest()
	if c.counted {
		c.engine.busy.Add(-1)
	}
}

func (c *conn) linger() {
	if c.x == nil || closeWrite(c.stream) != nil {
		return
	}
	most := lingerTime
	if c.refused != nil {
		most = refusedTime
	}
	for end := time.Now().Add(most); time.Now().Before(end) && !c.sock.Interrupted(); {
		c.sock.Within(min(lingerPause, most))
		if _, err := c.stream.Read(c.x.memory.back[:]); err != nil {
			return
		}
	}
}
