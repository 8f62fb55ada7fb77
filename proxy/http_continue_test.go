package proxy

import (
	"strings"
	"testing"
)

const continued = "HTTP/1.1 100 Continue\r\n\r\n"

func TestHTTP_RelaysTheTargetsContinue(t *testing.T) {
	p, o := staged(t)
	for _, framed := range [][2]string{
		{"Content-Length: 4", "body"},
		{"Transfer-Encoding: chunked", "4\r\nbody\r\n0\r\n\r\n"},
	} {
		v := p.call(t)
		v.send(ask("POST", "/in", "", framed[0], "Expect: 100-continue", "Connection: close"))
		target := o.next(t)
		if m := target.head(); m.start != "POST /in HTTP/1.1" || !strings.EqualFold(m.value("Expect"), "100-continue") {
			t.Fatalf("asked %q %q", m.start, m.fields)
		}
		target.send(continued)
		v.refused(100)
		v.send(framed[1])
		target.expect(framed[1])
		target.send(ok("done", "Connection: close"))
		v.wants("POST", 200, "done")
		v.ended()
	}
}

func TestHTTP_SendsNoContinueOfItsOwnBeforeARefusal(t *testing.T) {
	p, o := staged(t)
	for _, status := range []string{"413 Content Too Large", "417 Expectation Failed", "401 Unauthorized"} {
		v := p.call(t)
		v.send(ask("POST", "/in", "", "Content-Length: 4", "Expect: 100-continue"))
		target := o.next(t)
		target.head()
		target.send(replying(status, "no", "Connection: close"))
		// The next answer is the final one.
		m := v.answer("POST")
		if m.start[9:12] != status[:3] || m.body.String() != "no" {
			t.Fatalf("answered %q %q, want %s", m.start, &m.body, status)
		}
		// RFC 9110 section 10.1.1 leaves two ways: the end is announced, or the body is taken and dropped.
		if !m.closes() {
			v.send("body")
			v.still()
		}
	}
}

func TestHTTP_NeedsNoContinueToPassABody(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/in", "", "Content-Length: 4", "Expect: 100-continue"))
	target := o.next(t)
	target.head()
	// The client waited long enough (RFC 9110 section 10.1.1), and the target knows nothing of 100.
	v.send("body")
	target.expect("body")
	target.send(ok("done"))
	m := v.answer("POST")
	if m.status() == 100 {
		m = v.answer("POST")
	}
	if m.status() != 200 || m.body.String() != "done" {
		t.Errorf("answered %q %q", m.start, &m.body)
	}
	v.still()
}

func TestHTTP_PassesABodyThatCameWithItsExpectation(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/in", "body", "Expect: 100-continue") + get("/next"))
	target := o.next(t)
	if m := target.head(); m.value("Content-Length") != "4" {
		t.Fatalf("head %q", m.fields)
	}
	target.send(continued)
	target.expect("body")
	target.send(ok("done", "Connection: close"))
	m := v.answer("POST")
	if m.status() == 100 {
		m = v.answer("POST")
	}
	if m.status() != 200 || m.body.String() != "done" {
		t.Errorf("answered %q %q", m.start, &m.body)
	}
	o.asked(t, "GET /next", ok("next"))
	v.wants("GET", 200, "next")
}

func TestHTTP_RelaysEveryInformationalAnswer(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/hints"))
	target := o.next(t)
	target.request()
	for _, link := range []string{"</a.css>; rel=preload", "</b.js>; rel=preload"} {
		target.send("HTTP/1.1 103 Early Hints\r\nLink: " + link + "\r\nX-Hint: 1\r\n\r\n")
		// Each is passed on at once: the target has sent nothing else.
		if m := v.refused(103); m.value("Link") != link || m.value("X-Hint") != "1" {
			t.Errorf("the hint came as %q", m.fields)
		}
	}
	for range 10 {
		target.send("HTTP/1.1 102 Processing\r\n\r\n")
		v.refused(102)
	}
	target.send(ok("final", "Link: </c>"))
	if m := v.wants("GET", 200, "final"); m.value("Link") != "</c>" || m.value("X-Hint") != "" {
		t.Errorf("the final answer has %q", m.fields)
	}
	v.still()
}

func TestHTTP_AnswersNothingWithTwoFinalAnswers(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/x", "Connection: close"))
	target := o.next(t)
	target.request()
	target.send(ok("one", "Connection: close") + ok("two"))
	v.wants("GET", 200, "one")
	v.ended()
	target.ended()
}
