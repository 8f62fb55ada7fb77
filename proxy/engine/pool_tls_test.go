package engine

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
)

// together holds back what is written until it is sent.
type together struct {
	net.Conn
	held bytes.Buffer
	hold bool
}

func (c *together) Write(p []byte) (int, error) {
	if c.hold {
		return c.held.Write(p)
	}
	return c.Conn.Write(p)
}

// A second answer that came together with the first is nobody's, also when it was taken from the socket already.
func TestPool_DropsSecureConnectionsThatSpokeOutOfTurn(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	address := acting(t, func(p *peer, n int) {
		under := &together{Conn: p.TCPConn}
		secure := tls.Server(under, config)
		for in := make([]byte, 4<<10); ; {
			if _, err := secure.Read(in); err != nil {
				return
			}
			if n > 0 {
				_, _ = secure.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"))
				continue
			}
			under.hold = true
			_, _ = secure.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"))
			_, _ = secure.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
			under.hold = false
			_, _ = under.Conn.Write(under.held.Bytes())
		}
	})
	p := &carrier{hooks: none{}, fails: make(chan error, 9)}
	r := serving(t, Config{Handler: p})
	p.to = r.Upstream(HTTPS, address)
	c := dial(t, r.address)
	for _, want := range []string{"first", "second", "second"} {
		if resp, body := c.get("/"); resp.StatusCode != http.StatusOK || body != want {
			t.Errorf("%s %q, want %q", resp.Status, body, want)
		}
	}
	if len(p.fails) > 0 {
		t.Error(<-p.fails)
	}
	if n := kept(p.to); n > 1 {
		t.Errorf("%d connections are kept", n)
	}
}
