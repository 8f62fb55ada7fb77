package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"

	"gateway/proxy/metric"
	"gateway/proxy/route"
)

// connectAs connects as a client that a trusted proxy announces, and sends one request. The connection stays open.
func (p *running) connectAs(t *testing.T, address string) (net.Conn, response) {
	t.Helper()
	conn := p.ask(t, fmt.Sprintf("PROXY TCP4 %s 192.0.2.100 1000 80\r\nGET /x/ HTTP/1.1\r\nHost: example.org\r\n\r\n", address))
	return conn, read(t, bufio.NewReader(conn), "GET")
}

func connectionsOf(p *running) metric.Admitted { return p.Server.metrics().Connections() }

func TestLimit_OfConnectionsByClient(t *testing.T) {
	p := start(t, Config{MaxClientConns: 2, Trusted: trusting(t, "127.0.0.1"), ProxyProtocol: true}, mount(t, "/x", route.Strip, app(t, "x", nil)))
	var first net.Conn
	for range 2 {
		conn, got := p.connectAs(t, "192.0.2.1")
		if first = conn; got.StatusCode != 200 {
			t.Fatalf("%d", got.StatusCode)
		}
	}
	for range 3 {
		conn, got := p.connectAs(t, "192.0.2.1")
		wantsLater(t, got, 429, 60)
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection goes on with %v", err)
		}
	}
	if _, got := p.connectAs(t, "192.0.2.2"); got.StatusCode != 200 {
		t.Errorf("another client gets %d", got.StatusCode)
	}
	if n := connectionsOf(p).Refused["client"]; n != 3 {
		t.Errorf("%d refusals are shown, want 3", n)
	}
	_ = first.Close()
	eventually(t, "there is room again", func() bool { return connectionsOf(p).Open == 2 })
	if _, got := p.connectAs(t, "192.0.2.1"); got.StatusCode != 200 {
		t.Errorf("when one has ended the client gets %d", got.StatusCode)
	}
}

func TestLimit_OfConnectionsInAll(t *testing.T) {
	p := start(t, Config{MaxConns: 3, MaxClientConns: 2, Trusted: trusting(t, "127.0.0.1"), ProxyProtocol: true},
		mount(t, "/x", route.Strip, app(t, "x", nil)))
	for i := range 3 {
		if _, got := p.connectAs(t, fmt.Sprintf("192.0.2.%d", i+1)); got.StatusCode != 200 {
			t.Fatalf("%d", got.StatusCode)
		}
	}
	_, got := p.connectAs(t, "192.0.2.9")
	wantsLater(t, got, 503, 60)
	if now := connectionsOf(p); now.Open != 3 || now.Refused["all"] != 1 {
		t.Errorf("shown: %+v", now)
	}
}

// The connections of a trusted proxy are those of many clients.
func TestLimit_OfConnectionsSparesTrustedProxies(t *testing.T) {
	p := start(t, Config{MaxClientConns: 1, Trusted: trusting(t, "127.0.0.1")}, mount(t, "/x", route.Strip, app(t, "x", nil)))
	for range 5 {
		conn := p.ask(t, "GET /x/ HTTP/1.1\r\nHost: example.org\r\n\r\n")
		if got := read(t, bufio.NewReader(conn), "GET"); got.StatusCode != 200 {
			t.Errorf("%d", got.StatusCode)
		}
	}
}
