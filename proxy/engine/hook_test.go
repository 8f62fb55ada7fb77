package engine

import (
	"bufio"
	"io"
	"net"
	"testing"

	"gateway/proxy/header"
)

// A hook that panics while the body is still to come leaves nobody reading from the visitor.
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

// panicking is a handler whose hook panics when the answer comes. It tells whether the body was still being sent then.
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
	h.sending = h.x.way.sending
	panic("a mistake")
}

func (*throwing) Accepts(int) bool { return true }
