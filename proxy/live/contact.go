package live

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"gateway/proxy/engine"
	"gateway/proxy/http1"
	"gateway/proxy/route"
)

const (
	// probeEvery is the least time between two probes of a target, probeTime how long a Probe may take, and probesAtOnce how
	// many targets it connects to at a time.
	probeEvery   = time.Second
	probeTime    = 150 * time.Millisecond
	probesAtOnce = 32
)

// Contact is what is known of connections to a target, for administrators. It passes from one State to the next with the
// target, and is safe for concurrent use.
type Contact struct {
	// reached is set once there was a connection, proven once there was a response that only an HTTP server sends, and doubted
	// when there was one that a TLS server sends too.
	reached, proven, doubted atomic.Bool
	// fault is why requests to the target fail, nil when they do not.
	fault atomic.Pointer[fault]
	// finding is why the last check failed, nil when it passed.
	finding atomic.Pointer[string]
	// probed is when it was probed last, in nanoseconds since 1970.
	probed atomic.Int64
}

// fault is why requests to a target fail, with a fix.
type fault struct {
	// connect is set when there was no connection; tls when the target speaks TLS.
	connect, tls bool
	text         string
}

// Why is the fault and its fix for people, empty when there is none.
func (c *Contact) Why() string {
	if f := c.fault.Load(); f != nil {
		return f.text
	}
	return ""
}

// Answered notes a response of the target. TLS servers respond 400 to requests without TLS, which proves nothing.
func (c *Contact) Answered(status int) {
	bad := status == http.StatusBadRequest
	switch {
	case c.proven.Load():
	case bad:
		c.doubted.Store(true)
	default:
		c.proven.Store(true)
	}
	if f := c.fault.Load(); f != nil && !(bad && f.tls) {
		c.fault.Store(nil)
	}
}

// checked notes the reason of a failed check, empty for one that passed, which ends the fault.
func (c *Contact) checked(reason string) {
	if reason == "" {
		c.finding.Store(nil)
		c.proven.Store(true)
		c.fault.Store(nil)
		return
	}
	c.finding.Store(&reason)
}

// faultOf says why requests to a target fail, and how to fix it. If the target is proven, its port and scheme are right.
func faultOf(t *Target, err error) *fault {
	if errors.Is(err, engine.ErrConnect) {
		return &fault{connect: true, text: unreachable(t, err)}
	}
	return &fault{text: unanswered(t, err)}
}

// unanswered says why a target that accepts connections sends no proper response.
func unanswered(t *Target, err error) string {
	invalid, isInvalid := errors.AsType[*http1.Invalid](err)
	proven := t.Contact.proven.Load()
	switch {
	case errors.Is(err, engine.ErrTimeout):
		return t.Address + " accepts connections and does not answer in time; look at the logs of the app"
	case proven && isInvalid:
		return fmt.Sprintf("%s does not answer in HTTP any more (%s); look at the logs of the app", t.Address, invalid.Rule)
	case proven && broke(err):
		return t.Address + " closes connections without a response; look at the logs of the app"
	case t.Scheme == route.H2C && !proven:
		return t.Address + " speaks no HTTP/2 without TLS; set gateway.scheme to http"
	case isInvalid:
		return fmt.Sprintf("%s does not answer in HTTP (%s); set gateway.port to the port of its HTTP server, or gateway.scheme to https if it speaks TLS",
			t.Address, invalid.Rule)
	case broke(err):
		return t.Address + " closes connections without a response; set gateway.port to the port of its HTTP server, or look at the logs of the app"
	}
	return fmt.Sprintf("%s does not answer properly: %v", t.Address, err)
}

// unreachable says why there is no connection.
func unreachable(t *Target, err error) string {
	var (
		plain   tls.RecordHeaderError
		unnamed *net.DNSError
	)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) && t.Contact.proven.Load():
		return t.Address + " refuses connections, and answered before; look at the logs of the app"
	case errors.Is(err, syscall.ECONNREFUSED):
		return t.Address + " refuses connections; set gateway.port to the port the app listens on, and let it listen on 0.0.0.0, not on 127.0.0.1 alone"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to " + t.Address + "; set gateway.network to a network of the container that the proxy can reach"
	case errors.As(err, &unnamed):
		return "the name of " + t.Address + " cannot be resolved; write an address, or a name that the proxy's network knows"
	case errors.As(err, &plain):
		return t.Address + " speaks no TLS; set gateway.scheme to http"
	case errors.Is(err, engine.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return t.Address + " accepts no connections in time; check whether the app hangs, or a firewall drops them"
	case t.Scheme == route.HTTPS:
		return fmt.Sprintf("%s ends the TLS handshake; set gateway.scheme to http if it speaks no TLS: %v", t.Address, err)
	}
	return fmt.Sprintf("cannot connect to %s: %v", t.Address, err)
}

// broke reports that a connection was closed or reset.
func broke(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Probe connects to the targets that had no request yet, or that fail, so that their state can be shown. It sends no
// request, and returns within probeTime.
func (s *State) Probe(now time.Time) {
	var due prober
	for _, r := range s.routes {
		for i := range r.Targets {
			if t := &r.Targets[i]; t.Contact.claimProbe(now) {
				due = append(due, t)
			}
		}
	}
	if len(due) > 0 {
		due.Run()
	}
}

// prober are targets to probe.
type prober []*Target

// Run probes the targets, many at a time, until all are done or probeTime is over.
func (p prober) Run() {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(probesAtOnce)
	for _, t := range p {
		group.Go(func() error { t.probe(ctx); return nil })
	}
	_ = group.Wait()
}

// claimProbe reports whether the caller should probe the target now. It does so to one caller at a time.
func (c *Contact) claimProbe(now time.Time) bool {
	switch f := c.fault.Load(); {
	case f != nil && !f.connect:
		return false
	case f == nil && c.proven.Load(), f == nil && c.reached.Load() && !c.doubted.Load():
		return false
	}
	last := c.probed.Load()
	return now.Sub(time.Unix(0, last)) >= probeEvery && c.probed.CompareAndSwap(last, now.UnixNano())
}

// probe connects to the target once, and tries TLS if a plain HTTP target is doubted.
func (t *Target) probe(ctx context.Context) {
	c := t.Contact
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.Address)
	if errors.Is(err, syscall.ECONNREFUSED) {
		// Other failures say little in so short a time.
		c.reached.Store(false)
		c.fault.Store(&fault{connect: true, text: unreachable(t, err)})
	}
	if err != nil {
		return
	}
	defer conn.Close()
	c.reached.Store(true)
	f := c.fault.Load()
	refused := f != nil && f.connect
	switch {
	case t.Scheme == route.HTTPS && refused && handshake(ctx, conn) == nil, t.Scheme != route.HTTPS && refused:
		c.fault.CompareAndSwap(f, nil)
	case t.Scheme == route.HTTP && c.doubted.Swap(false) && !c.proven.Load():
		switch err := handshake(ctx, conn); {
		case err == nil, alerted(err):
			c.fault.Store(&fault{tls: true, text: t.Address + " speaks TLS; set gateway.scheme to https"})
		case ctx.Err() == nil:
			// The app itself responds 400. It is not probed again.
			c.proven.Store(true)
		}
	}
}

// handshake returns nil if the target completes a TLS handshake. Nothing else is sent.
func handshake(ctx context.Context, conn net.Conn) error {
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx) //nolint:gosec // As for requests.
}

// alerted reports that the target refused the handshake with a TLS alert, as servers do that need a server name.
func alerted(err error) bool {
	remote, is := errors.AsType[*net.OpError](err)
	return is && remote.Op == "remote error"
}
