package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// draining is an engine whose Serve and Drain a test watches.
type draining struct {
	*Engine
	address string
	served  chan error
	// drained is closed when Drain has returned; cut ends its context.
	drained chan struct{}
	cut     context.CancelFunc
}

// serveUntil is before for tests that call Drain.
func serveUntil(t *testing.T, l net.Listener, part func(p *peer, n int)) *draining {
	t.Helper()
	p, were := &carrier{hooks: none{}}, len(inEngine())
	e := New(Config{Handler: p})
	p.to = e.Upstream(HTTP, acting(t, part))
	d := &draining{Engine: e, address: l.Addr().String(), served: make(chan error, 1), drained: make(chan struct{})}
	go func() {
		e.Serve(l, false, func(err error) { t.Error(err) })
		d.served <- nil
	}()
	t.Cleanup(func() {
		if d.cut == nil {
			d.begin()
		}
		d.cut()
		closed(t, "Drain returns", d.drained)
		select {
		case err := <-d.served:
			if err != nil {
				t.Errorf("Serve says %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve goes on")
		}
		e.Close()
		nothingLeft(t, were)
	})
	return d
}

// begin starts Drain.
func (d *draining) begin() {
	ctx, cut := context.WithCancel(context.Background())
	d.cut = cut
	go func() {
		defer close(d.drained)
		d.Drain(ctx)
	}()
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// held responds once it is released.
func held(asked, release chan struct{}) func(p *peer, n int) {
	return func(p *peer, _ int) {
		for p.head() != "" {
			asked <- struct{}{}
			<-release
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	}
}

func TestDrain_EndsIdleConnections(t *testing.T) {
	asked, release := make(chan struct{}, 10), make(chan struct{})
	close(release)
	d := serveUntil(t, listen(t), held(asked, release))
	fresh, used := dial(t, d.address), dial(t, d.address)
	used.get("/")
	d.begin()
	for _, c := range []*peer{fresh, used} {
		if rest, err := c.rest(); rest != "" || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
	}
	closed(t, "Drain returns", d.drained)
	if conn, err := net.Dial("tcp", d.address); err == nil {
		_ = conn.Close()
		t.Error("a connection is accepted")
	}
}

func TestDrain_LetsExchangesFinish(t *testing.T) {
	asked, release := make(chan struct{}, 10), make(chan struct{})
	d := serveUntil(t, listen(t), held(asked, release))
	c, idle := dial(t, d.address), dial(t, d.address)
	// The second request is pipelined and has not begun: it gets no response.
	c.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	d.begin()
	if rest, err := idle.rest(); rest != "" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	select {
	case <-d.drained:
		t.Fatal("Drain did not wait")
	default:
	}
	close(release)
	resp, body := c.response("GET")
	if resp.StatusCode != 200 || body != "ok" || !resp.Close {
		t.Errorf("%s %q, close %v", resp.Status, body, resp.Close)
	}
	if rest, _ := c.rest(); rest != "" {
		t.Errorf("%q follows", rest)
	}
	closed(t, "Drain returns", d.drained)
}

// Whatever an exchange waits for, it ends with the context of Drain.
func TestDrain_CutsLongExchanges(t *testing.T) {
	for _, c := range []struct {
		name, ask string
		begun     string
		part      func(p *peer)
	}{
		{"that wait for the response", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "", func(p *peer) { _, _ = p.rest() }},
		{"that wait for the body of the response", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\n", func(p *peer) {
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
			_, _ = p.rest()
		}},
		{"that wait for much more of it", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\n", func(p *peer) {
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\npart")
			_, _ = p.rest()
		}},
		{"whose clients take nothing", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\n", endless},
		{"that wait for the body of the request", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\npart", "", func(p *peer) { _, _ = p.rest() }},
		{"that wait for the next chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", "", func(p *peer) { _, _ = p.rest() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := make(chan struct{})
			d := serveUntil(t, listen(t), func(p *peer, _ int) {
				p.head()
				close(asked)
				c.part(p)
			})
			v := dial(t, d.address)
			v.send("%s", c.ask)
			v.expect(c.begun)
			closed(t, "the target is asked", asked)
			d.begin()
			d.cut()
			closed(t, "Drain returns", d.drained)
			if err := <-d.served; err != nil {
				t.Error(err)
			}
			d.served <- nil
			// Nothing that could be taken for a complete response has arrived.
			_, _ = io.Copy(io.Discard, v.in)
		})
	}
}

// filled sends until the send buffers are full.
func filled(t *testing.T, c *peer) {
	t.Helper()
	piece := make([]byte, 64<<10)
	for {
		_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := c.Write(piece); errors.Is(err, os.ErrDeadlineExceeded) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDrain_CutsUploadsThatAreNotRead(t *testing.T) {
	for _, framing := range []string{"Content-Length: 1000000000000", "Transfer-Encoding: chunked"} {
		t.Run(framing, func(t *testing.T) {
			asked, release := make(chan struct{}), make(chan struct{})
			d := serveUntil(t, listen(t), func(p *peer, _ int) {
				p.head()
				close(asked)
				<-release
			})
			defer close(release)
			c := dial(t, d.address)
			c.send("POST / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", framing)
			if strings.HasPrefix(framing, "T") {
				c.send("ffffffffffff\r\n")
			}
			closed(t, "the target is asked", asked)
			filled(t, c)
			d.begin()
			d.cut()
			closed(t, "Drain returns", d.drained)
			select {
			case err := <-d.served:
				d.served <- err
			case <-time.After(patience):
				t.Error("Serve goes on")
			}
		})
	}
}

// lateListener accepts one connection after it was closed, like one accepted at that moment.
type lateListener struct {
	net.Listener
	accepted, accept chan struct{}
}

func (l *lateListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		close(l.accepted)
	}
	<-l.accept
	return conn, err
}

func TestDrain_EndsConnectionsThatWereJustAccepted(t *testing.T) {
	l := &lateListener{listen(t), make(chan struct{}), make(chan struct{})}
	d := serveUntil(t, l, func(*peer, int) {})
	c := dial(t, d.address)
	closed(t, "the connection comes", l.accepted)
	d.begin()
	closed(t, "Drain returns", d.drained)
	close(l.accept)
	if rest, err := c.rest(); rest != "" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestDrain_CutsTunnelsLast(t *testing.T) {
	asked, release := make(chan struct{}, 10), make(chan struct{})
	d := serveUntil(t, listen(t), func(p *peer, n int) {
		if n > 0 {
			held(asked, release)(p, n)
			return
		}
		p.head()
		p.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(p, p.in)
	})
	tunnel := dial(t, d.address)
	tunnel.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
	tunnel.head()
	long := dial(t, d.address)
	long.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	d.begin()
	tunnel.send("still there")
	tunnel.expect("still there")
	close(release)
	long.response("GET")
	closed(t, "Drain returns though there is a tunnel", d.drained)
	if rest, _ := tunnel.rest(); rest != "" {
		t.Errorf("%q", rest)
	}
}

func TestDrain_ServesFirstRequestsThatAreOnTheirWay(t *testing.T) {
	asked, release := make(chan struct{}, 10), make(chan struct{})
	close(release)
	d := serveUntil(t, listen(t), held(asked, release))
	c, used := dial(t, d.address), dial(t, d.address)
	used.get("/")
	<-asked
	d.begin()
	// Once this one has ended, Drain has begun.
	if rest, err := used.rest(); rest != "" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if resp, body := c.response("GET"); resp.StatusCode != 200 || body != "ok" || !resp.Close {
		t.Errorf("%s %q, close %v", resp.Status, body, resp.Close)
	}
	closed(t, "Drain returns", d.drained)
}
