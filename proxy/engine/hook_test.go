package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"gateway/proxy/header"
)

// A hook that panics while the body is sent leaves no goroutine that reads from the client.
func TestForward_EndsAnUploadWhoseHookPanics(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		for line := ""; line != "\r\n" && err == nil; {
			line, err = r.ReadString('\n')
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, r)
	}()
	p := &panicking{left: make(chan bool, 1)}
	r := serving(t, Config{Handler: p})
	p.to = r.Upstream(HTTP, l.Addr().String())
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
	if <-p.left {
		t.Error("the body is still read when Forward has panicked")
	}
}

// panicking is a handler whose hook panics when the response arrives. It reports whether the body was still being sent.
type panicking struct {
	carrier
	left chan bool
}

func (p *panicking) Serve(x *Exchange) {
	h := &throwing{x: x}
	defer func() {
		_ = recover()
		select {
		case <-h.sending.ended:
			p.left <- false
		default:
			p.left <- true
		}
	}()
	_ = x.Forward(p.to, x.Request.Path, h)
}

type throwing struct {
	none
	x       *Exchange
	sending *sending
}

func (h *throwing) Incoming(int, *header.Header) {
	h.sending = h.x.forwarding.sending
	panic("a mistake")
}

func (*throwing) Accepts(int) bool { return true }

// The library reads bodies for targets of HTTP/2 in its own goroutine.
func TestForward_EndsAnUploadOfH2CWhoseHookPanics(t *testing.T) {
	p := &surviving{left: make(chan bool, 1)}
	r := serving(t, Config{Handler: p})
	p.to = r.Upstream(H2C, serve(t, H2C, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	c := dial(t, r.address)
	c.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
	if <-p.left {
		t.Error("the body is still read when Forward has panicked")
	}
	_, _ = c.rest()
	if p.to.cancellation.mu.Lock(); len(p.to.cancellation.waits) > 0 {
		t.Errorf("%d exchanges that have ended would be recalled", len(p.to.cancellation.waits))
	}
	p.to.cancellation.mu.Unlock()
}

// surviving is a handler whose hook panics when the response arrives. It reports whether the body was still being read.
type surviving struct {
	carrier
	left chan bool
}

func (p *surviving) Serve(x *Exchange) {
	read := &overlapping{Reader: x.body}
	x.body = read
	defer func() {
		_ = recover()
		p.left <- read.under.Load()
	}()
	_ = x.Forward(p.to, x.Request.Path, &throwing{x: x})
}

// overlapping reports whether it is being read.
type overlapping struct {
	io.Reader
	under atomic.Bool
}

func (o *overlapping) Read(p []byte) (int, error) {
	o.under.Store(true)
	defer o.under.Store(false)
	return o.Reader.Read(p)
}
