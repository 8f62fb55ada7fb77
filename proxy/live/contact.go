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
	// probeEvery is how often a target is probed at most, probeTime how long all probes of one look may take, and
	// probesAtOnce how many there are at a time.
	probeEvery   = time.Second
	probeTime    = 150 * time.Millisecond
	probesAtOnce = 32
)

// Contact is what is known of how a target answers, for those who administer the gateway. It passes from one State to
// the next with the target, and is safe for concurrent use.
type Contact struct {
	// reached is set once a connection came to be, proven once a response came that no server of another protocol gives, and
	// doubted when one came that they do.
	reached, proven, doubted atomic.Bool
	// fault is why the target is out, nil when it is not.
	fault atomic.Pointer[fault]
	// finding is why the last check failed, nil when it passed.
	finding atomic.Pointer[string]
	// probed is when it was probed last, in nanoseconds since 1970.
	probed atomic.Int64
}

// fault is why a target is out, in words that say what to write.
type fault struct {
	// connect is set when no connection came to be; tls when one must be encrypted.
	connect, tls bool
	text         string
}

// Why is the fault in words, empty when there is none.
func (c *Contact) Why() string {
	if f := c.fault.Load(); f != nil {
		return f.text
	}
	return ""
}

// Answered notes a response of the target. Servers of TLS answer 400 to all that comes without it, which proves nothing.
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

// checked notes why a check failed; it passed if there is no reason, and then the target answers.
func (c *Contact) checked(reason string) {
	if reason == "" {
		c.finding.Store(nil)
		c.proven.Store(true)
		c.fault.Store(nil)
		return
	}
	c.finding.Store(&reason)
}

// faultOf says why the attempts with a target fail, and what to write so that they do not. Of one that answered before,
// the port and the scheme are right.
func faultOf(t *Target, err error) *fault {
	if errors.Is(err, engine.ErrConnect) {
		return &fault{connect: true, text: unreachable(t, err)}
	}
	return &fault{text: unanswered(t, err)}
}

// unanswered says why a target that accepts connections sends no response.
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

// Probe finds out about the targets that nobody asked yet, or that are out, before people are told of their state: it
// connects to each and sends no request. It returns within probeTime.
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

// Run probes the targets, many at a time, as far as it gets in probeTime.
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

// claimProbe reports whether the target is to be probed now, by the caller alone.
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

// probe connects to the target once, and looks whether it speaks TLS where it should not.
func (t *Target) probe(ctx context.Context) {
	c := t.Contact
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.Address)
	if errors.Is(err, syscall.ECONNREFUSED) {
		// Other failures say little in the time that a probe has.
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
			// An app that answers 400 is not asked again.
			c.proven.Store(true)
		}
	}
}

// handshake returns nil if the other side speaks TLS and takes this client. Nothing else is sent.
func handshake(ctx context.Context, conn net.Conn) error {
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx) //nolint:gosec // As for requests.
}

// alerted reports that the other side refused a handshake in TLS, as servers do that want a server name.
func alerted(err error) bool {
	remote, is := errors.AsType[*net.OpError](err)
	return is && remote.Op == "remote error"
}
