package engine

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/header"
)

func TestForward_EndsAFloodOfInformationalAnswers(t *testing.T) {
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
		if _, err := conn.Read(make([]byte, 4096)); err != nil {
			return
		}
		for err == nil {
			_, err = io.WriteString(conn, strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 10))
		}
	}()
	p := &carrier{hooks: none{}, fails: make(chan error, 1)}
	r := serving(t, Config{Handler: p})
	p.to = r.Upstream(HTTP, l.Addr().String())
	resp, err := http.Get("http://" + r.address + "/")
	if err == nil {
		_ = resp.Body.Close()
	}
	if err := <-p.fails; err == nil || !strings.Contains(err.Error(), "more than 100 informational answers") {
		t.Errorf("%v", err)
	}
}

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
