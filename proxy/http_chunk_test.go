package proxy

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestHTTP_PassesChunkedRequests(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/in", "5;name=value\r\nhello\r\n00001\r\n \r\n5;a=\"b;\\\"c\"\r\nworld\r\n0;last\r\nX-Sum: 11\r\n\r\n",
		"Transfer-Encoding: chunked"))
	target := o.next(t)
	m := target.asked("POST /in", ok("done"))
	if m.body.String() != "hello world" || m.value("Transfer-Encoding") != "chunked" || m.value("Content-Length") != "" {
		t.Errorf("body %q, head %q", &m.body, m.fields)
	}
	v.wants("POST", 200, "done")
	v.still()
}

func TestHTTP_PassesEmptyChunkedBodies(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/in", "0\r\n\r\n", "Transfer-Encoding: chunked"))
	target := o.next(t)
	if m := target.asked("POST /in", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"); m.body.Len() != 0 {
		t.Errorf("body %q", &m.body)
	}
	v.wants("POST", 200, "")
	v.still()
}

func TestHTTP_PassesChunkedAnswers(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/out", "Connection: TE", "TE: trailers"))
	target := o.next(t)
	target.asked("GET /out", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-More\r\n\r\n"+
		"5;name=value\r\nhello\r\n000001\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: 11\r\nX-More: yes\r\n\r\n")
	m := v.wants("GET", 200, "hello world")
	if m.value("Transfer-Encoding") != "chunked" || m.value("Content-Length") != "" {
		t.Errorf("head %q", m.fields)
	}
	if sum, more := values(m.trailers, "X-Sum"), values(m.trailers, "X-More"); !slices.Equal(sum, []string{"11"}) || !slices.Equal(more, []string{"yes"}) {
		t.Errorf("trailers %q", m.trailers)
	}
	v.still()
}

func TestHTTP_PassesChunkedAnswersToClientsWithoutTrailers(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/out"))
	target := o.next(t)
	target.asked("GET /out", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n")
	v.wants("GET", 200, "hello")
	v.still()
}

func TestHTTP_PassesChunksOfAllSizes(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	var coded, plain strings.Builder
	for _, n := range []int{1, 2, 15, 16, 17, 255, 256, 4095, 4096, 4097, 16384, 32767, 32768, 32769, 65535, 65536, 70000} {
		piece := strings.Repeat(string(rune('a'+n%26)), n)
		plain.WriteString(piece)
		coded.WriteString(chunk(piece))
	}
	coded.WriteString(chunk(""))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		v.push(ask("POST", "/both", coded.String(), "Transfer-Encoding: chunked"))
	}()
	target := o.next(t)
	got := target.request()
	if got.body.String() != plain.String() {
		t.Errorf("%d bytes came, %d were sent, or they differ", got.body.Len(), plain.Len())
	}
	<-sent
	go target.push("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded.String())
	v.wants("POST", 200, plain.String())
	v.still()
}

func TestHTTP_RefusesBrokenChunks(t *testing.T) {
	for _, bad := range []string{
		"nonsense\r\n", "5\r\nhelloworld\r\n0\r\n\r\n", "-1\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n",
		"ffffffffffffffff5\r\nhello\r\n0\r\n\r\n", "\r\nhello\r\n0\r\n\r\n",
	} {
		p, o := staged(t)
		v := p.call(t)
		v.send(ask("POST", "/in", bad, "Transfer-Encoding: chunked") + get("/smuggled"))
		// The gateway may notice before it connects or while it sends; what the target gets is never whole.
		if m := v.refused(400); !m.closes() {
			t.Errorf("%q: the end is not announced: %q", bad, m.fields)
		}
		v.ended()
		if len(o.conns) > 0 {
			if m, err := readRequest(o.next(t).r, nil); err == nil {
				t.Errorf("%q: the target got %q with %q", bad, m.start, &m.body)
			}
		}
	}
}

func TestHTTP_BreaksOffWhereChunksOfAnswersBreak(t *testing.T) {
	p, o := staged(t)
	for _, bad := range []string{"nonsense\r\n", "5\r\nhelloworld\r\n0\r\n\r\n", "3\r\nab", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n", "-1\r\n\r\n", "0x0\r\n\r\n", "fffffffffffffffff\r\n"} {
		v := p.call(t)
		v.send(get("/out"))
		target := o.next(t)
		target.request()
		target.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("first"))
		v.expect("HTTP/1.1 200 OK\r\n")
		target.send(bad)
		_ = target.CloseWrite()
		m, err := readFields(v.r)
		if err != nil {
			t.Fatal(err)
		}
		broken := message{fields: m}
		if err := broken.readChunks(v.r, &broken.body); err == nil || !strings.HasPrefix(broken.body.String(), "first") {
			t.Errorf("%q: the answer passes for whole: %q, %v", bad, &broken.body, err)
		}
		target.ended()
	}
}

// chunk is one chunk, the last one of nothing.
func chunk(text string) string {
	return strconv.FormatInt(int64(len(text)), 16) + "\r\n" + text + "\r\n"
}
