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

// Forward sends the request to the target and its response to the client, and returns nil when the response was sent in
// full; for an upgraded connection, when it ended. path is the escaped path to ask for, sent byte for byte, with the
// query of the request. The error wraps one of the package's, and nothing was sent to the client then, except with
// ErrBroken and ErrDisconnected.
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

// roundTrip finds a connection, sends the request over it, and its response back.
func (f *forwarding) roundTrip() error {
	if err := f.bufferBody(); err != nil {
		f.x.releaseBody()
		return err
	}
	if err := f.connect(); err != nil {
		return err
	}
	defer f.drop()
	// A copy, in memory that the response needs only later, since another target may be tried with the header as it was.
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

// forwarding is an exchange on its way over one connection to a target that speaks HTTP/1.1.
type forwarding struct {
	x     *Exchange
	to    *Upstream
	path  string
	hooks Hooks
	link  *link
	// buf[from:got] was read from the target and not used. buf is the exchange's own memory, or large.
	buf       []byte
	large     *[largeBuffer]byte
	from, got int
	// headBytes is how many bytes of heads came.
	headBytes int
	// sending is the upload under way, nil when the request was sent in one piece.
	sending *sending
	// reusable reports that the connection can take another exchange; binds that it can take those of this client alone,
	// and step that the request is one step of a handshake that began on it.
	reusable, connAuth, step bool
	// unknown reports that the target had answered nothing before.
	unknown bool
}

// connect finds a connection: the client's own, else an unused one, else a new one.
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
	f.link, err = f.to.dial(f.x.left(f.x.patience()))
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

// sendRequest sends the request, which is all in out, and waits for the first bytes of the response. A kept connection that turns
// out to be closed is replaced: always when nothing was sent, and when the request has no body and may be sent twice (RFC
// 9110 section 9.2.2) also when nothing came back.
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

// errUnsolicited says that what came is not the response to what was asked.
var errUnsolicited = errors.New("bytes came that belong to no answer (RFC 9112 section 9.2)")

// awaitResponse is exchange, which Cancel may end.
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

// writeAndRead sends out and reads the first bytes that come back.
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
	// What is sent has a time of its own, and the one for the response begins at its end.
	f.x.setTimeout(l.sock, 0)
	if n, err := l.stream.Write(left); err != nil {
		return 0, !l.plain() || len(left)-n < len(f.x.out), err
	}
	f.x.setTimeout(l.sock, f.x.engine.config.Response)
	n, err = l.stream.Read(f.buf)
	if n > 0 {
		// TLS may tell of its end too, and does so again.
		err = nil
	}
	return n, true, err
}

// requestError says why the target did not answer.
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

// readMore reads more of the response behind what was not used yet.
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

// grow makes the buffer larger, up to the limit of a head.
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
	// maxInformational and mostHinted bound, in number and in bytes, the informational responses before a final one.
	maxInformational      = 1000
	maxInformationalBytes = 1 << 20
)

var errInformational = fmt.Errorf("%w: it sends too many informational answers", ErrResponse)

// receive reads the response and sends it on.
func (f *forwarding) receive() error {
	a := &f.x.response
	for hints := 1; ; hints++ {
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
			return fmt.Errorf("%w: it answered %d in HTTP/1.0", ErrLength, a.Status)
		}
		f.x.length = max(a.Length, -1)
		f.hooks.Incoming(a.Status, &a.Header)
		if a.Status >= http.StatusOK {
			return f.relay()
		}
		if hints > maxInformational || f.headBytes > maxInformationalBytes {
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
			// It came with an upload, which cannot be sent again.
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

// moreLines reads until there is another line, so that a head which comes a byte at a time is not parsed that often.
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

// drop closes a connection that finish did not put away, since a hook panicked.
func (f *forwarding) drop() {
	if f.link != nil {
		f.x.client.unwatch()
		f.link.close()
	}
}

// finish puts the connection away.
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

// relay sends the final response on.
func (f *forwarding) relay() error {
	a := &f.x.response
	f.reusable, f.x.reason, f.x.relayed = !a.Close, a.Reason, true
	if f.sending != nil {
		f.sending.responding.Store(true)
		// So that the client is not told of an early response that is none.
		if !f.sending.settled() {
			// While the target takes nothing of the body, nobody reads from the client, and it could leave unseen.
			f.x.client.watch(f.link.sock.Interruption(), underWay)
		}
	}
	// The response has begun, and has its own time limits to the client.
	f.x.setTimeout(f.link.sock, 0)
	if f.x.Request.Method == http.MethodHead || !bodied(a.Status) {
		declared := a.Declared
		if len(f.x.wraps) > 0 {
			// That is not the length which a GET would be told (RFC 9110 section 8.6).
			f.x.wraps, declared = f.x.wraps[:0], -1
		}
		if err := f.x.begin(a.Status, a.Header, declared); err != nil {
			return err
		}
		// A body that was promised may come all the same, however late, and would be taken for the next response.
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

// checkTrailing looks for bytes behind the response.
func (f *forwarding) checkTrailing() {
	if f.from < f.got {
		f.to.markUnusable()
	}
}

// base is where wrapped sinks end.
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
