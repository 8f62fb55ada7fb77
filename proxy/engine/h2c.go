package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"gateway/proxy/header"
	"gateway/proxy/socket"
)

// http2Client forwards to a target that speaks HTTP/2 without TLS, with the standard library's transport.
type http2Client struct {
	engine    *Engine
	upstream  *Upstream
	address   string
	transport *http.Transport
}

const (
	// pingAfter is how long a connection to a target may be silent before the target gets a ping.
	pingAfter = 15 * time.Second
	// streamWindow limits the buffer for a response that the client reads slowly. Targets are near, so that it need not
	// be large.
	streamWindow = 64 << 10
)

func (h *http2Client) prepare(u *Upstream) {
	e := u.engine
	h.engine, h.upstream, h.address = e, u, u.address
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	h.transport = &http.Transport{
		DialContext:            h.dial,
		Protocols:              protocols,
		DisableCompression:     true,
		IdleConnTimeout:        e.config.Keep,
		ResponseHeaderTimeout:  e.config.Response,
		MaxResponseHeaderBytes: int64(e.config.ResponseHead),
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, MaxReceiveBufferPerStream: streamWindow},
	}
}

// dialError is the error of a connection attempt.
type dialError struct{ error }

// Unwrap returns the cause.
func (u dialError) Unwrap() error { return u.error }

func (h *http2Client) dial(context.Context, string, string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: h.engine.config.Connect}
	ctx, done := h.upstream.cancellation.withCancel(h.engine.base)
	defer done()
	conn, err := dialer.DialContext(ctx, "tcp", h.address)
	if err != nil {
		return nil, dialError{canceledError(ctx, err)}
	}
	s := socket.New(conn, h.engine.watch)
	s.InterruptWhen(h.upstream.mustInterrupt)
	return s, nil
}

// forward is Exchange.Forward for targets of HTTP/2. It calls Hooks.Outgoing before there is a connection, with its own
// copy of the header, so that it may be called again for another target.
func (h *http2Client) forward(x *Exchange, path string, hooks Hooks) error {
	if x.Request.Upgrade != "" {
		return fmt.Errorf("%w: it is spoken to in HTTP/2, where no connection changes to %q", ErrResponse, x.Request.Upgrade)
	}
	c := h2cForwarding{x: x, to: h, hooks: hooks, infos: make(chan informational, 8)}
	err := c.Serve(path)
	if h.upstream.closing() {
		h.transport.CloseIdleConnections()
	}
	return err
}

// h2cForwarding is an exchange with a target that speaks HTTP/2.
type h2cForwarding struct {
	x     *Exchange
	to    *http2Client
	hooks Hooks
	// cancel cancels the exchange at the target.
	cancel context.CancelCauseFunc
	// upload is the body under way, nil when there is none or when it is in memory.
	upload *h2cUpload
	// infos are informational responses. The library's goroutine that sends them never blocks.
	infos chan informational
	// infoCount and infoBytes are the number and the size of those that arrived. Only the library's goroutine uses
	// them.
	infoCount, infoBytes int
	pauseTimeout         wait
	// connectTimeout limits how long connecting may take, if the exchange has a limit for that.
	connectTimeout wait
}

type informational struct {
	status int
	header header.Header
}

type roundTripResult struct {
	*http.Response
	err error
}

// errSlow is the cause if the target pauses for too long.
var errSlow = fmt.Errorf("the target takes or sends nothing: %w", context.DeadlineExceeded)

// errUnconnected is the cause if there is no connection in time. Nothing was sent.
var errUnconnected = fmt.Errorf("the target accepts no connection: %w", context.DeadlineExceeded)

// Serve forwards the exchange, and returns once nothing of it is under way any more.
func (c *h2cForwarding) Serve(path string) error {
	ctx, cancel := context.WithCancelCause(c.x.engine.base)
	if !c.x.deadline.IsZero() {
		bounded, release := context.WithDeadline(ctx, c.x.deadline)
		defer release()
		ctx = bounded
	}
	c.cancel = cancel
	c.pauseTimeout.late = func() { cancel(errSlow) }
	c.connectTimeout.late = func() { cancel(errUnconnected) }
	var a roundTripResult
	// Deferred, since a hook may panic.
	defer func() { c.cleanUp(a) }()
	if c.x.Repeatable() {
		c.to.upstream.cancellation.add(&c.cancel)
	}
	request := c.compose(ctx, path)
	results := make(chan roundTripResult, 1)
	c.connectTimeout.begin(c.x.Connect)
	go func() {
		response, err := c.to.transport.RoundTrip(request) //nolint:bodyclose // It is closed by settle.
		results <- roundTripResult{response, err}
	}()
	a = c.await(results)
	c.connectTimeout.pause()
	c.to.upstream.cancellation.remove(&c.cancel)
	err := a.err
	if err == nil && context.Cause(ctx) == ErrCanceled {
		err = ErrCanceled
	}
	if err != nil {
		return c.responseError(ctx, err)
	}
	return c.relay(a.Response)
}

// cleanUp ends what is still under way.
func (c *h2cForwarding) cleanUp(a roundTripResult) {
	c.connectTimeout.pause()
	c.to.upstream.cancellation.remove(&c.cancel)
	c.cancel(nil)
	if a.Response != nil {
		_ = a.Body.Close()
	}
	if c.upload != nil {
		c.upload.stop()
	}
	c.x.client.unwatch()
}

// await relays informational responses until the final one arrives.
func (c *h2cForwarding) await(results <-chan roundTripResult) roundTripResult {
	for {
		select {
		case i := <-c.infos:
			c.inform(i)
		case a := <-results:
			for len(c.infos) > 0 {
				c.inform(<-c.infos)
			}
			return a
		}
	}
}

func (c *h2cForwarding) inform(i informational) {
	c.hooks.Incoming(i.status, &i.header)
	if err := c.x.client.inform(i.status, i.header); err != nil {
		c.cancel(errDisconnected)
	}
}

// got1xx takes an informational response from the library. It drops those that the client does not read in time.
func (c *h2cForwarding) got1xx(status int, fields textproto.MIMEHeader) error {
	if status == http.StatusSwitchingProtocols {
		return errors.New("there is no 101 in HTTP/2 (RFC 9113 section 8.6)")
	}
	c.infoCount++
	for name, values := range fields {
		for _, value := range values {
			c.infoBytes += len(name) + len(value) + fieldOverhead
		}
	}
	if c.infoCount > maxInformational || c.infoBytes > maxInformationalBytes {
		return errInformational
	}
	select {
	case c.infos <- informational{status, listed(nil, http.Header(fields))}:
	default:
	}
	return nil
}

// connect is called by the library once there is a connection, before anything is sent over it. If the time is over,
// the context has ended when connect returns, and nothing is sent.
func (c *h2cForwarding) connect(httptrace.GotConnInfo) { c.connectTimeout.pause() }

// compose makes the request. It copies all strings: the library may use them after the exchange.
func (c *h2cForwarding) compose(ctx context.Context, path string) *http.Request {
	r := &c.x.Request
	host := r.Host
	if host == "" {
		host = c.to.address
	}
	out := append(c.x.response.Header[:0], r.Header...)
	c.hooks.Outgoing(&out)
	request := &http.Request{
		Method: strings.Clone(r.Method),
		Host:   strings.Clone(host),
		Header: make(http.Header, len(out)+2),
	}
	request.URL = c.address(request.Host, path)
	gather(request.Header, out, c.x.memory.back[:0])
	if r.Trailers {
		request.Header["Te"] = []string{"trailers"}
	}
	if _, set := request.Header["User-Agent"]; !set {
		// Otherwise the library would add its own.
		request.Header["User-Agent"] = nil
	}
	clear(out)
	c.x.response.Header = out[:0]
	trace := httptrace.ClientTrace{Got1xxResponse: c.got1xx, GotConn: c.connect}
	request = request.WithContext(httptrace.WithClientTrace(ctx, &trace))
	c.attach(request)
	return request
}

// address returns the URL of the target, with path and query byte for byte. The library sends an opaque URL as it is,
// except that a path which begins with two slashes needs a host before it.
func (c *h2cForwarding) address(host, path string) *url.URL {
	query, asked := strings.CutPrefix(c.x.Request.Query, "?")
	u := &url.URL{
		Scheme: "http", Host: c.to.address, Opaque: strings.Clone(path),
		RawQuery: strings.Clone(query), ForceQuery: asked && query == "",
	}
	if strings.HasPrefix(path, "//") {
		u.Opaque = "//" + host + path
	}
	return u
}

// attach sets the body of the request.
func (c *h2cForwarding) attach(request *http.Request) {
	waiting := socket.NewInterruption(func() { c.cancel(errDisconnected) })
	if c.x.body != nil {
		c.upload = newUpload(c, request, waiting)
		request.Body, request.ContentLength = c.upload, c.x.Request.Length
		return
	}
	c.x.client.watch(waiting, underWay)
	if len(c.x.whole) == 0 {
		return
	}
	whole := bytes.Clone(c.x.whole)
	request.ContentLength = int64(len(whole))
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(whole)), nil }
	request.Body, _ = request.GetBody()
}

// responseError says why there is no response.
func (c *h2cForwarding) responseError(ctx context.Context, err error) error {
	if failed := c.x.bodyErr(); failed != nil {
		return failed
	}
	var dial dialError
	switch cause := context.Cause(ctx); {
	case c.x.client.disconnected() || errors.Is(cause, errDisconnected):
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	case errors.As(err, &dial):
		return unreachable(dial.error)
	case cause == errUnconnected:
		return unreachable(cause)
	case errors.Is(cause, ErrCanceled):
		return fmt.Errorf("%w: %w", ErrResponse, ErrCanceled)
	case timedOut(err) || timedOut(cause):
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("%w: %w", ErrResponse, err)
}
