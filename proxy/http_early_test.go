package proxy

import (
	"io"
	"testing"
)

// early has a target answer when a part of the body came. It returns both sides with that part sent.
func early(t *testing.T, answer string) (o *origin, v *line) {
	t.Helper()
	p, o := staged(t)
	v = p.call(t)
	v.send(ask("POST", "/x", "", "Content-Length: 10") + "first")
	target := o.next(t)
	if m := target.head(); m.start != "POST /x HTTP/1.1" {
		t.Fatalf("asked %q", m.start)
	}
	target.expect("first")
	target.send(answer)
	o.last = target
	return o, v
}

func TestHTTP_PassesTheEndOfTargetsThatAnswerEarly(t *testing.T) {
	o, v := early(t, replying("413 Content Too Large", "no", "Connection: close"))
	// Bytes that nobody read make this a reset.
	_ = o.last.Close()
	go func() { _, _ = io.WriteString(v, "-rest") }()
	m := v.answer("POST")
	if status := m.start[9:12]; status != "413" && status != "502" {
		t.Errorf("answered %q", m.start)
	}
	if !m.closes() {
		v.still()
	}
}

func TestHTTP_TakesTheRestOfABodyAfterAnEarlyAnswer(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/x", "", "Content-Length: 10"))
	target := o.next(t)
	target.head()
	target.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
	// The target may wait for the rest before it goes on, so the gateway may not wait for either side.
	v.send("first-rest")
	target.expect("first-rest")
	target.send("done")
	v.wants("POST", 200, "halfdone")
}
