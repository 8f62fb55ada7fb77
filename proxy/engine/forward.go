package engine

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// Forward sends the request to the target and relays the response. It returns nil once the response was sent
// completely; for an upgraded connection, once that has ended. path is the escaped path, sent byte for byte, with the
// query of the request. The error wraps one of this package. Nothing was sent to the client then, except with ErrBroken
// and ErrDisconnected.
func (x *Exchange) Forward(to *Upstream, path string, hooks Hooks) error {
	if x.Began() {
		return errBegun
	}
	if to.scheme == H2C {
		return to.http2.forward(x, path, hooks)
	}
	f := &x.forwarding
	*f = forwarding{x: x, to: to, path: path, hooks: hooks}
	err := f.roundTrip()
	*f = forwarding{}
	if err != nil {
		x.out = x.outs[:0]
	}
	return err
}

// roundTrip finds a connection, sends the request and relays the response.
func (f *forwarding) roundTrip() error {
	if err := f.bufferBody(); err != nil {
		f.x.releaseBody()
		return err
	}
	if err := f.connect(); err != nil {
		return err
	}
	defer f.drop()
	// Edit a copy, since another target may need the original header. The memory is that of the response, which comes
	// later.
	edited := &f.x.response.Header
	*edited = append((*edited)[:0], f.x.Request.Header...)
	f.hooks.Outgoing(edited)
	f.compose()
	if f.x.body != nil {
		return f.upload()
	}
	f.x.out = append(f.x.out, f.x.whole...)
	if err := f.sendRequest(); err != nil {
		return err
	}
	return f.finish(f.receive())
}

// forwarding is an exchange with a target that speaks HTTP/1.1, over one connection.
type forwarding struct {
	x     *Exchange
	to    *Upstream
	path  string
	hooks Hooks
	link  *link
	// buf[from:got] was read from the target and not used. buf is memory of the exchange, or large.
	buf       []byte
	large     *[largeBuffer]byte
	from, got int
	// headBytes is the number of bytes of heads that arrived.
	headBytes int
	// sending is the upload under way, nil if the request was sent in one piece.
	sending *sending
	// reusable reports that the connection can be used for another exchange; connAuth that only this client may use it,
	// and step that the request is a step of a handshake on it.
	reusable, connAuth, step bool
	// unknown reports that the target has never responded before.
	unknown bool
}

// connect finds a connection: a pinned one, else an unused one, else a new one.
func (f *forwarding) connect() error {
	if err := f.takePinned(); err != nil || f.link != nil {
		return err
	}
	if f.link = f.to.take(); f.link != nil {
		return nil
	}
	return f.dial()
}

func (f *forwarding) dial() error {
	var err error
	f.link, err = f.to.dial(f.x.left(f.x.connectTimeout()))
	return err
}

// compose writes the head of the request.
func (f *forwarding) compose() {
	r := &f.x.Request
	out := http1.AppendRequestLine(f.x.outs[:0], r.Method, f.path, r.Query)
	host := r.Host
	if host == "" {
		host = f.to.address
	}
	out = http1.AppendField(out, "Host", host)
	out = appendEndToEnd(out, f.x.response.Header)
	switch {
	case r.Length > 0:
		out = http1.AppendLength(out, r.Length)
	case r.Length < 0:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	case r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch:
		out = http1.AppendLength(out, 0)
	}
	switch {
	case r.Upgrade != "":
		out = append(out, "Connection: Upgrade\r\n"...)
		out = http1.AppendField(out, "Upgrade", r.Upgrade)
	case r.Trailers && !f.to.known.http10():
		out = append(out, "Connection: TE\r\nTE: trailers\r\n"...)
	}
	f.x.out = append(out, "\r\n"...)
}

// sendRequest sends the request, which is all in out, and waits for the first bytes of the response. It replaces a kept
// connection that turns out to be closed: always if nothing was sent; and if nothing came back, for a request without a
// body that may be repeated (RFC 9110 section 9.2.2).
func (f *forwarding) sendRequest() error {
	f.buf = f.x.back
	for {
		l := f.link
		f.x.setTimeout(l.sock, f.x.engine.config.Response)
		f.x.client.watch(l.sock.Interruption(), underWay)
		n, sent, err := f.awaitResponse(l)
		again := false
		if err == nil && l.used {
			var stale bool
			if stale, again = f.checkUnsolicited(f.buf[:n]); stale {
				err = errUnsolicited
			}
		}
		if err == nil {
			f.got = n
			f.x.out = f.x.outs[:0]
			return nil
		}
		failed := f.requestError(err)
		if err == socket.ErrStale && l.idleInput() == inputUnsolicited {
			f.to.markUnusable()
		}
		l.close()
		switch {
		case f.x.client.unwatch() || errors.Is(failed, ErrTimeout):
			return failed
		case f.step:
			return f.unpinned()
		case again:
			err = f.dial()
		case l.used && !sent:
			err = f.connect()
		case l.used && f.x.Repeatable() && l.responseWait.state.Load() != canceled:
			err = f.dial()
		case !sent:
			return fmt.Errorf("%w: %w", ErrConnect, err)
		default:
			return failed
		}
		if err != nil {
			return err
		}
	}
}

// errUnsolicited says that the bytes that arrived are not the response.
var errUnsolicited = errors.New("bytes arrived that belong to no response (RFC 9112 section 9.2)")

// awaitResponse is writeAndRead, which Cancel may end.
func (f *forwarding) awaitResponse(l *link) (n int, sent bool, err error) {
	if !f.x.Repeatable() {
		return f.writeAndRead(l)
	}
	l.responseWait.begin(&l.upstream.cancellation)
	n, sent, err = f.writeAndRead(l)
	if !l.responseWait.end() {
		return 0, true, ErrCanceled
	}
	return n, sent, err
}

// writeAndRead sends out and reads the first bytes of the response.
func (f *forwarding) writeAndRead(l *link) (n int, sent bool, err error) {
	left := f.x.out
	if l.plain() {
		n, part, err := l.sock.Ask(left, f.buf, l.used)
		if err != socket.ErrPart {
			return n, part > 0, err
		}
		left = left[part:]
	} else if err := l.check(); err != nil {
		return 0, false, err
	}
	// Sending has its own timeout, and that of the response starts at the end of the request.
	f.x.setTimeout(l.sock, 0)
	if n, err := l.stream.Write(left); err != nil {
		return 0, !l.plain() || len(left)-n < len(f.x.out), err
	}
	f.x.setTimeout(l.sock, f.x.engine.config.Response)
	n, err = l.stream.Read(f.buf)
	if n > 0 {
		// The end that TLS reports comes again with the next read.
		err = nil
	}
	return n, true, err
}

// requestError says why the target did not respond.
func (f *forwarding) requestError(err error) error {
	switch {
	case f.x.bodyErr() != nil:
		return f.x.bodyErr()
	case f.x.client.disconnected():
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	case err == ErrCanceled:
		return fmt.Errorf("%w: %w", ErrResponse, err)
	case f.link.sock.Interrupted() || timedOut(err):
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("%w: %w", ErrResponse, truncated(err))
}

// readMore reads more of the response.
func (f *forwarding) readMore() error {
	if f.from > 0 {
		f.got = copy(f.buf, f.buf[f.from:f.got])
		f.from = 0
	}
	if f.got == len(f.buf) && !f.grow() {
		return errLongHead
	}
	n, err := f.link.stream.Read(f.buf[f.got:])
	f.got += n
	if n > 0 {
		return nil
	}
	return err
}

var errLongHead = errors.New("the head is longer than the limit")

// grow enlarges the buffer, up to the limit of a head.
func (f *forwarding) grow() bool {
	if f.large == nil {
		f.large = f.x.engine.borrow()
		copy(f.large[:], f.buf[:f.got])
		f.buf = f.large[:]
		return true
	}
	if len(f.buf) >= f.x.engine.config.ResponseHead {
		return false
	}
	grown := make([]byte, min(2*len(f.buf), f.x.engine.config.ResponseHead))
	copy(grown, f.buf)
	f.buf = grown
	return true
}

const (
	// maxInformational and maxInformationalBytes limit the number and the size of the informational responses before a
	// final one.
	maxInformational      = 1000
	maxInformationalBytes = 1 << 20
)

var errInformational = fmt.Errorf("%w: it sends too many informational responses", ErrResponse)

// receive reads the response and relays it.
func (f *forwarding) receive() error {
	a := &f.x.response
	for informational := 1; ; informational++ {
		if err := f.readHead(); err != nil {
			return err
		}
		if a.Status == http.StatusSwitchingProtocols {
			return f.upgrade()
		}
		if a.Status >= http.StatusOK && f.x.declined(a.Status, f.hooks) {
			f.reusable = !a.Close && !a.Promised && a.Length >= 0 && a.Length == int64(f.got-f.from)
			return errDeclined(a.Status)
		}
		if f.unstored() {
			return fmt.Errorf("%w: it responded %d in HTTP/1.0", ErrLength, a.Status)
		}
		f.x.length = max(a.Length, -1)
		f.hooks.Incoming(a.Status, &a.Header)
		if a.Status >= http.StatusOK {
			return f.relay()
		}
		if informational > maxInformational || f.headBytes > maxInformationalBytes {
			return errInformational
		}
		if err := f.x.client.inform(a.Status, a.Header); err != nil {
			return f.x.clientFailed(err)
		}
	}
}

// readHead parses the next head.
func (f *forwarding) readHead() error {
	for {
		f.x.response.Header = f.x.response.Header[:0]
		n, err := http1.ParseResponse(&f.x.response, f.buf[f.from:f.got], f.x.Request.Method, f.responseLimits())
		if err == nil {
			f.from += n
			f.headBytes += n
			f.connAuth = f.connAuth || f.x.response.ConnAuth
			f.to.known.noteVersion(f.x.response.Minor)
			return nil
		}
		if err == http1.ErrIncomplete {
			err = f.moreLines()
		} else if f.link.used && f.headBytes == 0 && !looksLikeHTTP1(f.buf[f.from:f.got]) {
			// The bytes arrived during an upload, which cannot be repeated.
			f.to.markUnusable()
		}
		if err != nil {
			return f.requestError(err)
		}
	}
}

func (f *forwarding) responseLimits() http1.Limits {
	return http1.Limits{Bytes: f.x.engine.config.ResponseHead, Fields: 4 * f.x.engine.config.Fields}
}

// moreLines reads until there is another line, so that a head that arrives byte by byte is not parsed each time.
func (f *forwarding) moreLines() error {
	for {
		had := f.got - f.from
		if err := f.readMore(); err != nil {
			return err
		}
		if bytes.IndexByte(f.buf[f.from+had:f.got], '\n') >= 0 || f.got-f.from >= f.x.engine.config.ResponseHead {
			return nil
		}
	}
}

// drop closes a connection that finish did not keep or close, since a hook panicked.
func (f *forwarding) drop() {
	if f.link != nil {
		f.x.client.unwatch()
		f.link.close()
	}
}

// finish keeps or closes the connection.
func (f *forwarding) finish(err error) error {
	switch {
	case f.x.client.unwatch() || err != nil && !errors.Is(err, ErrDeclined) || !f.reusable:
		f.link.close()
	case f.connAuth || f.x.Request.ConnAuth || f.link.owner != nil:
		f.to.pin(f.x, f.link, f.x.response.Handshake)
	default:
		f.to.keep(f.link)
	}
	f.link = nil
	if f.large != nil {
		f.x.engine.giveBack(f.large)
	}
	return err
}

// relay relays the final response.
func (f *forwarding) relay() error {
	a := &f.x.response
	f.reusable, f.x.reason, f.x.relayed = !a.Close, a.Reason, true
	if f.sending != nil {
		f.sending.responding.Store(true)
		// Wait, so that a response to the complete request does not count as an early one.
		if !f.sending.settled() {
			// While the target does not read, nothing is read from the client either, so watch whether it disconnects.
			f.x.client.watch(f.link.sock.Interruption(), underWay)
		}
	}
	// The response has begun, and has its own timeouts.
	f.x.setTimeout(f.link.sock, 0)
	if f.x.Request.Method == http.MethodHead || !bodied(a.Status) {
		declared := a.Declared
		if len(f.x.wraps) > 0 {
			// This is not the length that a GET would have (RFC 9110 section 8.6).
			f.x.wraps, declared = f.x.wraps[:0], -1
		}
		if err := f.x.begin(a.Status, a.Header, declared); err != nil {
			return err
		}
		// The target may still send the body that it promised, which would be taken for the next response.
		f.reusable = f.reusable && f.from == f.got && !a.Promised
		f.checkTrailing()
		return f.x.end(nil)
	}
	length := max(a.Length, -1)
	if len(f.x.wraps) > 0 {
		length = -1
	}
	if err := f.x.begin(a.Status, a.Header, length); err != nil {
		return err
	}
	body := bodyRelay{f: f, sink: f.x.client}
	if len(f.x.wraps) > 0 {
		body.wrap()
	}
	return body.pass()
}

// checkTrailing checks for bytes after the response.
func (f *forwarding) checkTrailing() {
	if f.from < f.got {
		f.to.markUnusable()
	}
}

// base is the last of the sinks, after all transformers.
type base struct{ x *Exchange }

// Write implements Sink.
func (b base) Write(p []byte) (int, error) {
	n, err := b.x.client.Write(p)
	b.x.sent += int64(n)
	return n, err
}

// Flush implements Sink.
func (b base) Flush() error { return b.x.client.Flush() }

// Close implements Sink.
func (b base) Close() error { return nil }

var _ Sink = base{}

// trailed is a body that may end with trailer fields.
type trailed interface{ trailers() header.Header }
