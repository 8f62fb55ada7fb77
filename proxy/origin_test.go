package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"gateway/proxy/route"
)

// origin is a target whose connections the test plays itself, byte by byte.
type origin struct {
	route.Target
	conns chan net.Conn
	// last is the connection that respond used last.
	last *rawConn
}

// newOrigin opens an origin until the test ends.
func newOrigin(t *testing.T) *origin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &origin{Target: at("origin", l.Addr().String()), conns: make(chan net.Conn, 100)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			o.conns <- conn
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
		close(o.conns)
		for conn := range o.conns {
			_ = conn.Close()
		}
	})
	return o
}

// next is the next connection that the gateway opens.
func (o *origin) next(t *testing.T) *rawConn {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	select {
	case conn := <-o.conns:
		return newRawConn(t, conn)
	case <-deadline.C:
		t.Fatal("the gateway opened no connection")
		return nil
	}
}

// respond responds to the next request, whichever connection it comes over. The request must begin with that method and
// path.
func (o *origin) respond(t *testing.T, start, response string) *message {
	t.Helper()
	for {
		if o.last == nil {
			o.last = o.next(t)
		}
		m, err := readRequest(o.last.r)
		switch {
		case errors.Is(err, io.EOF):
			o.last = nil
		case err != nil:
			t.Fatalf("the target read a request: %v, %q", err, m.start)
		case m.start != start+" HTTP/1.1":
			t.Fatalf("the target received %q, want %q", m.start, start)
		default:
			o.last.send(response)
			return m
		}
	}
}

// unused fails if the gateway opened a connection that the test did not take.
func (o *origin) unused(t *testing.T) {
	t.Helper()
	if n := len(o.conns); n != 0 {
		t.Errorf("the gateway opened %d more connections to the target", n)
	}
}

// withOrigin starts a proxy with one origin, which receives every path unchanged.
func withOrigin(t *testing.T) (*running, *origin) {
	t.Helper()
	o := newOrigin(t)
	return start(t, Config{}, mount(t, "/", route.Preserve, o.Target)), o
}

// rawConn is one end of a connection that a test plays.
type rawConn struct {
	*net.TCPConn
	t *testing.T
	r *bufio.Reader
}

func newRawConn(t *testing.T, conn net.Conn) *rawConn {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &rawConn{conn.(*net.TCPConn), t, bufio.NewReader(conn)}
}

// connect opens a client's connection.
func (p *running) connect(t *testing.T) *rawConn {
	t.Helper()
	return newRawConn(t, p.dial(t))
}

// get is a request without a body.
func get(path string, fields ...string) string { return rawRequest("GET", path, "", fields...) }

// rawRequest is a request. A body has a Content-Length unless a field frames it.
func rawRequest(method, path, body string, fields ...string) string {
	head := method + " " + path + " HTTP/1.1\r\nHost: example.org\r\n"
	for _, f := range fields {
		head += f + "\r\n"
	}
	if body != "" && values(fields, "Content-Length") == nil && values(fields, "Transfer-Encoding") == nil {
		head += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return head + "\r\n" + body
}

// chunk is a chunk of the chunked coding, the last one for no text.
func chunk(text string) string {
	return strconv.FormatInt(int64(len(text)), 16) + "\r\n" + text + "\r\n"
}

// ok is a response with that body.
func ok(body string, fields ...string) string {
	var extra strings.Builder
	for _, f := range fields {
		extra.WriteString(f + "\r\n")
	}
	return "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n" + extra.String() + "\r\n" + body
}

func (c *rawConn) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("sending: %v", err)
	}
}

// head reads the next head alone.
func (c *rawConn) head() *message {
	c.t.Helper()
	m, err := readHead(c.r)
	if err != nil {
		c.t.Fatalf("reading a head: %v, %q", err, m.start)
	}
	return m
}

// respond reads the next request, which must begin with that method and path, and responds.
func (c *rawConn) respond(start, response string) *message {
	c.t.Helper()
	m, err := readRequest(c.r)
	if err != nil || m.start != start+" HTTP/1.1" {
		c.t.Fatalf("the target received %q, %v, want %q", m.start, err, start)
	}
	c.send(response)
	return m
}

// response reads the next response whole.
func (c *rawConn) response(method string) *message {
	c.t.Helper()
	m, err := readResponse(c.r, method, nil)
	if err != nil {
		c.t.Fatalf("reading a response: %v, %q, body %q", err, m.start, &m.body)
	}
	return m
}

// wants reads the next response, which must have that status and body.
func (c *rawConn) wants(method string, status int, body string) *message {
	c.t.Helper()
	m := c.response(method)
	if m.status() != status || m.body.String() != body {
		c.t.Fatalf("got %q %q, want %d %q", m.start, &m.body, status, body)
	}
	return m
}

// wantsStatus reads the next response, which must have that status and any body.
func (c *rawConn) wantsStatus(status int) *message {
	c.t.Helper()
	m := c.response("GET")
	if m.status() != status {
		c.t.Fatalf("got %q %q, want %d", m.start, &m.body, status)
	}
	return m
}

// expect reads exactly that text.
func (c *rawConn) expect(text string) {
	c.t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(c.r, got); err != nil || string(got) != text {
		c.t.Fatalf("got %q, %v, want %q", got[:n], err, text)
	}
}

// ended waits for the other side to end the connection, cleanly or not, with nothing more sent.
func (c *rawConn) ended() {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	if len(rest) > 0 || isTimeout(err) {
		c.t.Fatalf("got %q, %v, want the end of the connection", rest, err)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// staysOpen shows that a client's connection can be used again: it asks the gateway itself.
func (c *rawConn) staysOpen() {
	c.t.Helper()
	c.send("OPTIONS * HTTP/1.1\r\nHost: example.org\r\n\r\n")
	c.wants("OPTIONS", 204, "")
}
