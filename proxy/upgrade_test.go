package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/admin"
	"gateway/proxy/route"
)

// upgrading are the fields of a request that asks for a WebSocket.
var upgrading = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"}

// echo upgrades and sends back what it receives.
func echo(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		http.Error(w, "not an upgrade", http.StatusBadRequest)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"X-Asked: %s\r\nX-Origin: %s\r\nSet-Cookie: a=1; Path=/\r\n\r\n", r.RequestURI, r.Header.Get("Origin"))
	_ = rw.Flush()
	_, _ = io.Copy(conn, rw)
}

// upgraded is an upgraded connection through the proxy.
type upgraded struct {
	net.Conn
	r    *bufio.Reader
	head *http.Response
}

func (p *running) upgrade(t *testing.T, target string) upgraded {
	t.Helper()
	conn := p.dial(t)
	_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: example.org\r\nConnection: Upgrade, X-Forwarded-For\r\nUpgrade: websocket\r\n"+
		"Origin: http://example.org\r\nSec-WebSocket-Key: x\r\n\r\n", target)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%s: %d, want 101", target, resp.StatusCode)
	}
	return upgraded{conn, r, resp}
}

// say sends a line, which must come back.
func (s upgraded) say(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(s, text+"\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.r.ReadString('\n'); err != nil || got != text+"\n" {
		t.Fatalf("sent %q, received %q, %v", text, got, err)
	}
}

func TestProxy_PassesWebSockets(t *testing.T) {
	p := start(t, Config{}, mount(t, "/ws", route.Strip, app(t, "ws", echo)))
	s := p.upgrade(t, "/ws/chat?room=1")
	s.say(t, "hello")
	if asked, origin, cookie := s.head.Header.Get("X-Asked"), s.head.Header.Get("X-Origin"), s.head.Header.Get("Set-Cookie"); asked != "/chat?room=1" ||
		origin != "http://example.org" || cookie != "a=1; Path=/ws" || s.head.Header.Get("X-Request-Id") == "" {
		t.Errorf("the head of the upgrade: %v", s.head.Header)
	}
	_ = s.Close()
	var last []admin.Request
	eventually(t, "the socket is recorded", func() bool { last, _ = p.Requests("/ws"); return len(last) == 1 })
	if figures := p.Routes().Routes[0].Traffic; last[0].Status != 101 || figures.P95 != 0 || figures.Requests != 1 {
		t.Errorf("recorded %+v, traffic %+v, want a 101 that is no latency", last[0], figures)
	}
}

func TestProxy_UpgradesAtThePrefixWithoutARedirect(t *testing.T) {
	p := start(t, Config{}, mount(t, "/ws", route.Strip, app(t, "ws", echo)))
	s := p.upgrade(t, "/ws")
	if asked := s.head.Header.Get("X-Asked"); asked != "/" {
		t.Errorf("asked for %q, want /", asked)
	}
}

func TestProxy_KeepsWebSocketsWhenTheirRouteLeaves(t *testing.T) {
	p := start(t, Config{}, mount(t, "/ws", route.Strip, app(t, "ws", echo)))
	s := p.upgrade(t, "/ws/")
	s.say(t, "before")
	p.SetTable(route.Build(nil, nil))
	s.say(t, "after")
}
