package proxy

import (
	"strings"
	"testing"
)

const switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

var upgrading = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"}

// tunnel upgrades a connection.
func tunnel(t *testing.T) (v, target *line) {
	t.Helper()
	p, o := staged(t)
	v = p.call(t)
	v.send(get("/ws", upgrading...))
	target = o.next(t)
	m := target.request()
	if !strings.EqualFold(m.value("Connection"), "Upgrade") || !strings.EqualFold(m.value("Upgrade"), "websocket") || m.value("Sec-WebSocket-Key") == "" {
		t.Fatalf("the target got %q", m.fields)
	}
	target.send(switched)
	m = v.refused(101)
	if !strings.EqualFold(m.value("Connection"), "Upgrade") || !strings.EqualFold(m.value("Upgrade"), "websocket") {
		t.Fatalf("the client got %q", m.fields)
	}
	return v, target
}

func TestHTTP_TunnelsBothWays(t *testing.T) {
	v, target := tunnel(t)
	for _, text := range []string{"\x81\x05hello", "\x00", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("x", 100000)} {
		v.send(text)
		target.expect(text)
		target.send(text)
		v.expect(text)
	}
	_ = v.Close()
	target.ended()
}

func TestHTTP_TunnelsHalfOfAConnection(t *testing.T) {
	v, target := tunnel(t)
	v.send("last of the client")
	_ = v.CloseWrite()
	target.expect("last of the client")
	target.ended()
	target.send("the target goes on")
	v.expect("the target goes on")
	_ = target.CloseWrite()
	v.ended()

	v, target = tunnel(t)
	target.send("last of the target")
	_ = target.CloseWrite()
	v.expect("last of the target")
	v.ended()
	v.send("the client goes on")
	target.expect("the client goes on")
	_ = v.CloseWrite()
	target.ended()
}

func TestHTTP_EndsTunnelsThatBreak(t *testing.T) {
	v, target := tunnel(t)
	_ = target.SetLinger(0)
	_ = target.Close()
	v.ended()
	v, target = tunnel(t)
	_ = v.SetLinger(0)
	_ = v.Close()
	target.ended()
}

func TestHTTP_KeepsHTTPWhereAnUpgradeIsRefused(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	for _, status := range []string{"200 OK", "400 Bad Request", "426 Upgrade Required", "302 Found"} {
		v.send(get("/ws", upgrading...))
		o.asked(t, "GET /ws", replying(status, "no", "Upgrade: websocket"))
		if m := v.answer("GET"); m.start[9:12] != status[:3] || m.body.String() != "no" {
			t.Errorf("%s became %q %q", status, m.start, &m.body)
		}
		v.still()
	}
	v.send(get("/ws", upgrading...))
	o.asked(t, "GET /ws", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n")
	v.wants("GET", 200, "no")
	v.still()
}

func TestHTTP_PassesNoUpgradeThatConnectionDoesNotName(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/ws", "Upgrade: websocket", "Connection: keep-alive"))
	if m := o.asked(t, "GET /ws", ok("plain")); m.value("Upgrade") != "" {
		t.Errorf("the target got %q", m.fields)
	}
	v.wants("GET", 200, "plain")
}

func TestHTTP_PassesInformationBeforeAnUpgrade(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/ws", upgrading...))
	target := o.next(t)
	target.request()
	target.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + switched + "frames")
	v.refused(103)
	v.refused(101)
	v.expect("frames")
}
