//go:build engine

package proxy

import (
	"slices"
	"strings"
	"testing"
)

func TestHTTP_SkipsAnEmptyLineBeforeARequest(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send("\r\n" + get("/1"))
	target := o.next(t)
	target.asked("GET /1", ok("one"))
	v.wants("GET", 200, "one")
}

func TestHTTP_PassesTrailersOfRequests(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/in", "5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: X-Sum"))
	target := o.next(t)
	m := target.asked("POST /in", ok("done"))
	if got := values(m.trailers, "X-Sum"); !slices.Equal(got, []string{"5"}) || m.body.String() != "hello" {
		t.Errorf("trailers %q, body %q", m.trailers, &m.body)
	}
	v.wants("POST", 200, "done")
	v.still()
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
		target.asked(method+" /x", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")
		v.wants(method, 304, "")
	}
	o.unused(t)
}
