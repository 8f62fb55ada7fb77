package proxy

import (
	"strings"
	"testing"
)

func TestHTTP_PassesReasonsAsTheyAre(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	for _, status := range []string{"200 Fine", "200 ", "418 I'm a teapot", "413 Content Too Large", "299 Odd \xfc"} {
		v.send(get("/x"))
		o.asked(t, "GET /x", replying(status, ""))
		if m := v.answer("GET"); m.start != "HTTP/1.1 "+status {
			t.Errorf("%q became %q", status, m.start)
		}
	}
}

func TestHTTP_UsesOneConnectionForRequestsOneAfterTheOther(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/1"))
	target := o.next(t)
	target.asked("GET /1", ok("one"))
	v.wants("GET", 200, "one")
	for _, request := range []string{
		ask("POST", "/x", "body"), ask("POST", "/x", "4\r\nbody\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), get("/x"), ask("HEAD", "/x", ""),
	} {
		v.send(request)
		m := target.request()
		target.send("HTTP/1.1 204 No Content\r\n\r\n")
		v.wants("GET", 204, "")
		v.send(request)
		method, _, _ := strings.Cut(m.start, " ")
		target.asked(method+" /x", "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n")
		v.wants(method, 304, "")
	}
	o.unused(t)
}
