package proxy

import (
	"testing"
)

func TestHTTP_TunnelsWhatCameWithTheHeads(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/ws", upgrading...) + "early from the client")
	target := o.next(t)
	target.request()
	target.send(switched + "early from the target")
	v.refused(101)
	v.expect("early from the target")
	target.expect("early from the client")
	v.send("more")
	target.expect("more")
	target.send("more")
	v.expect("more")
	_ = target.Close()
	v.ended()
}

func TestHTTP_RefusesAnotherProtocolThanAskedFor(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/ws", upgrading...))
	target := o.next(t)
	target.request()
	target.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: telnet\r\n\r\n")
	v.refused(502)
	target.ended()
}

func TestHTTP_UpgradesNoOldClient(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send("GET /ws HTTP/1.0\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	// RFC 9110 section 7.8.
	if m := o.asked(t, "GET /ws", ok("plain")); m.value("Upgrade") != "" {
		t.Errorf("the target got %q", m.fields)
	}
	v.wants("GET", 200, "plain")
}
