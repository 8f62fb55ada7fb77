package proxy

import (
	"io"
	"strings"
	"testing"
)

func TestHTTP_PassesBothBodiesAtTheSameTime(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/chat", "", "Transfer-Encoding: chunked"))
	target := o.next(t)
	target.head()
	target.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	head := v.head()
	for _, text := range []string{"one", "two", "three"} {
		v.send(chunk(text))
		target.expect(chunk(text))
		target.send(chunk("echo of " + text))
		v.expect(chunk("echo of " + text))
	}
	v.send(chunk(""))
	target.expect(chunk(""))
	target.send(chunk(""))
	v.expect(chunk(""))
	if head.closes() {
		v.ended()
		return
	}
	v.still()
}

func TestHTTP_UsesNoTargetAgainThatHasABodyComing(t *testing.T) {
	o, v := early(t, ok("yes"))
	m := v.wants("POST", 200, "yes")
	if m.closes() {
		v.ended()
		notSmuggled(t, o)
		return
	}
	v.send("-rest" + get("/next"))
	// Either the body was passed on whole, or the target has a new connection.
	if len(o.conns) == 0 {
		o.last.expect("-rest")
	} else {
		notSmuggled(t, o)
		o.last = nil
	}
	o.asked(t, "GET /next", ok("next"))
	v.wants("GET", 200, "next")
}

func TestHTTP_PassesAnswersBeforeTheBodyIsThere(t *testing.T) {
	for _, answer := range []string{
		replying("413 Content Too Large", "no", "Connection: close"),
		replying("413 Content Too Large", "no"),
		ok("yes"),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("yes") + chunk(""),
	} {
		o, v := early(t, answer)
		m := v.answer("POST")
		if !strings.HasPrefix(answer, m.start[:12]) || m.body.Len() == 0 {
			t.Fatalf("%q became %q %q", answer, m.start, &m.body)
		}
		if !m.closes() {
			v.send("-rest")
			v.still()
		}
		notSmuggled(t, o)
	}
}

// notSmuggled reads what else came to the target: the rest of the body it asked for or the end, and never as a request.
func notSmuggled(t *testing.T, o *origin) {
	t.Helper()
	_ = o.last.CloseWrite()
	rest, err := io.ReadAll(o.last.r)
	if isTimeout(err) {
		t.Error("the connection of a request that was answered early did not end")
	}
	if !strings.HasPrefix("-rest", string(rest)) {
		t.Errorf("behind a request that was answered early came %q", rest)
	}
}
