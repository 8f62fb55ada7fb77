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
	// last is the connection that asked used last.
	last *line
}

// play opens an origin until the test ends.
func play(t *testing.T) *origin {
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
func (o *origin) next(t *testing.T) *line {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	select {
	case conn := <-o.conns:
		return newLine(t, conn)
	case <-deadline.C:
		t.Fatal("the gateway opened no connection")
		return nil
	}
}

// asked answers the next request, on whichever connection it comes: it must be for that. It is for requests one after
// the other; whether they share a connection is not its business.
func (o *origin) asked(t *testing.T, start, answer string) *message {
	t.Helper()
	for {
		if o.last == nil {
			o.last = o.next(t)
		}
		m, err := readRequest(o.last.r, nil)
		switch {
		case errors.Is(err, io.EOF):
			o.last = nil
		case err != nil:
			t.Fatalf("the target read a request: %v, %q", err, m.start)
		case m.start != start+" HTTP/1.1":
			t.Fatalf("the target was asked %q, want %q", m.start, start)
		default:
			o.last.send(answer)
			return m
		}
	}
}

// unused fails if the gateway opened a connection that the test did not take.
func (o *origin) unused(t *testing.T) {
	t.Helper()
	if n := len(o.conns); n != 0 {
		t.Errorf("%d connections to the target that nobody asked for", n)
	}
}

// staged is a proxy with one origin, which gets every path unchanged.
func staged(t *testing.T) (*running, *origin) {
	t.Helper()
	o := play(t)
	return start(t, Config{}, mount(t, "/", route.Preserve, o.Target)), o
}

// line is one end of a connection that a test plays.
type line struct {
	*net.TCPConn
	t *testing.T
	r *bufio.Reader
}

func newLine(t *testing.T, conn net.Conn) *line {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &line{conn.(*net.TCPConn), t, bufio.NewReader(conn)}
}

// call is a client's connection.
func (p *running) call(t *testing.T) *line {
	t.Helper()
	return newLine(t, p.dial(t))
}

// get is a request without a body.
func get(path string, fields ...string) string { return ask("GET", path, "", fields...) }

// ask is a request; a body has its length said unless a field frames it.
func ask(method, path, body string, fields ...string) string {
	head := method + " " + path + " HTTP/1.1\r\nHost: example.org\r\n"
	for _, f := range fields {
		head += f + "\r\n"
	}
	if body != "" && values(fields, "Content-Length") == nil && values(fields, "Transfer-Encoding") == nil {
		head += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return head + "\r\n" + body
}

func (l *line) send(text string) {
	l.t.Helper()
	if _, err := io.WriteString(l, text); err != nil {
		l.t.Fatalf("sending: %v", err)
	}
}

// push sends beside the test: what does not arrive is missed where it is read.
func (l *line) push(text string) { _, _ = io.WriteString(l, text) }

// trickle sends a byte in each segment, beside the test too.
func (l *line) trickle(text string) {
	for i := range len(text) {
		l.push(text[i : i+1])
	}
}

// request reads the next request whole.
func (l *line) request() *message {
	l.t.Helper()
	m, err := readRequest(l.r, nil)
	if err != nil {
		l.t.Fatalf("the target read a request: %v, %q", err, m.start)
	}
	return m
}

// head reads the next head alone.
func (l *line) head() *message {
	l.t.Helper()
	m, err := readHead(l.r)
	if err != nil {
		l.t.Fatalf("reading a head: %v, %q", err, m.start)
	}
	return m
}

// asked reads the next request, which must be for that, and answers it.
func (l *line) asked(start, answer string) *message {
	l.t.Helper()
	m := l.request()
	if m.start != start+" HTTP/1.1" {
		l.t.Fatalf("the target was asked %q, want %q", m.start, start)
	}
	l.send(answer)
	return m
}

// answer reads the next answer whole.
func (l *line) answer(method string) *message {
	l.t.Helper()
	m, err := readAnswer(l.r, method, nil)
	if err != nil {
		l.t.Fatalf("reading an answer: %v, %q, body %q", err, m.start, &m.body)
	}
	return m
}

// wants reads the next answer, which must have that status and body.
func (l *line) wants(method string, status int, body string) *message {
	l.t.Helper()
	m := l.answer(method)
	if m.status() != status || m.body.String() != body {
		l.t.Fatalf("answered %q %q, want %d %q", m.start, &m.body, status, body)
	}
	return m
}

// refused reads the next answer, which must be the gateway's own with that status.
func (l *line) refused(status int) *message {
	l.t.Helper()
	m := l.answer("GET")
	if m.status() != status {
		l.t.Fatalf("answered %q %q, want %d", m.start, &m.body, status)
	}
	return m
}

// take reads that many bytes.
func (l *line) take(n int) string {
	l.t.Helper()
	b := make([]byte, n)
	if got, err := io.ReadFull(l.r, b); err != nil {
		l.t.Fatalf("%v after %q", err, b[:got])
	}
	return string(b)
}

// expect reads exactly that text.
func (l *line) expect(text string) {
	l.t.Helper()
	if got := l.take(len(text)); got != text {
		l.t.Fatalf("got %q, want %q", got, text)
	}
}

// ended waits for the other side to end the connection, cleanly or not, with nothing more sent.
func (l *line) ended() {
	l.t.Helper()
	rest, err := io.ReadAll(l.r)
	if len(rest) > 0 {
		l.t.Fatalf("%q came where the end should", rest)
	}
	if isTimeout(err) {
		l.t.Fatal("the connection did not end")
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// still shows that a client's connection goes on to be used: it asks the gateway itself.
func (l *line) still() {
	l.t.Helper()
	l.send("OPTIONS * HTTP/1.1\r\nHost: example.org\r\n\r\n")
	l.wants("OPTIONS", 204, "")
}

// ok is an answer with that body.
func ok(body string, fields ...string) string { return replying("200 OK", body, fields...) }

func replying(status, body string, fields ...string) string {
	var extra strings.Builder
	for _, f := range fields {
		extra.WriteString(f + "\r\n")
	}
	return "HTTP/1.1 " + status + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n" + extra.String() + "\r\n" + body
}
