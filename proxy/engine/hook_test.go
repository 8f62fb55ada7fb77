package engine

import (
	"io"
	"net"
	"testing"

	"gateway/proxy/header"
)

// A hook that panics while the body is still being sent leaves nobody reading from the visitor.
func TestForward_EndsAnUploadWhoseHookPanics(t *testing.T) {
	p := &panicking{ended: make(chan any, 1)}
	r := serving(t, Config{Handler: p})
	target := record(t)
	p.to = r.Upstream(HTTP, target.Addr().String())
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
	_, _ = io.WriteString(conn, "2\r\nok\r\n0\r\n\r\n")
	if thrown := <-p.ended; thrown != "a mistake" {
		t.Errorf("thrown %v", thrown)
	}
}

// panicking is a handler whose hook panics when the answer comes.
type panicking struct {
	carrier
	ended chan any
}

func (p *panicking) Serve(x *Exchange) {
	defer func() { p.ended <- recover() }()
	_ = x.Forward(p.to, x.Request.Path, throwing{})
}

type throwing struct{ none }

func (throwing) Incoming(int, *header.Header) { panic("a mistake") }
