package proxy

import (
	"strings"
	"testing"
)

func TestHTTP_EndsAnswersThatHaveNoBodyAtTheirHead(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	for _, test := range []struct {
		method, answer, length string
	}{
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "1000"},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "99999999999"},
		{"HEAD", "HTTP/1.1 200 OK\r\n\r\n", ""},
		{"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
		{"HEAD", "HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\n", "7"},
		{"HEAD", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "7"},
		{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"a\"\r\n\r\n", "1000"},
		{"GET", "HTTP/1.1 304 Not Modified\r\n\r\n", ""},
		{"GET", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"DELETE", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"POST", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", "0"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"},
		{"OPTIONS", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"},
	} {
		v.send(ask(test.method, "/x", ""))
		o.asked(t, test.method+" /x", test.answer)
		m := v.answer(test.method)
		status, _, _ := strings.Cut(strings.TrimPrefix(test.answer, "HTTP/1.1 "), "\r\n")
		length := m.value("Content-Length")
		// RFC 9110 section 8.6 leaves it open whether a 304 says the length.
		if m.start != "HTTP/1.1 "+status || length != test.length && (m.status() != 304 || length != "") || m.body.Len() > 0 {
			t.Errorf("%s: %q became %q with %q", test.method, test.answer, m.start, m.fields)
		}
		// Were there a body, the client would take it for this answer.
		v.still()
	}
}

func TestHTTP_PassesRequestsWithoutABodyAsSuch(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	for method, length := range map[string]string{"GET": "", "HEAD": "", "DELETE": "", "OPTIONS": "", "PROPFIND": ""} {
		v.send(ask(method, "/x", ""))
		m := o.asked(t, method+" /x", "HTTP/1.1 204 No Content\r\n\r\n")
		if m.value("Content-Length") != length || m.value("Transfer-Encoding") != "" {
			t.Errorf("%s: %q", method, m.fields)
		}
		v.wants(method, 204, "")
	}
	for _, method := range []string{"POST", "PUT", "GET", "DELETE"} {
		v.send(ask(method, "/x", "", "Content-Length: 0"))
		if m := o.asked(t, method+" /x", "HTTP/1.1 204 No Content\r\n\r\n"); m.value("Transfer-Encoding") != "" {
			t.Errorf("%s with no bytes: %q", method, m.fields)
		}
		v.wants(method, 204, "")
		v.send(ask(method, "/x", "body"))
		if m := o.asked(t, method+" /x", "HTTP/1.1 204 No Content\r\n\r\n"); m.body.String() != "body" {
			t.Errorf("%s with a body: %q", method, &m.body)
		}
		v.wants(method, 204, "")
	}
}

func TestHTTP_TellsAPostWithoutABodyThatItHasNone(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		// RFC 9110 section 8.6: there are apps that answer 411 otherwise.
		v.send(ask(method, "/x", "", "Content-Length: 0"))
		if m := o.asked(t, method+" /x", "HTTP/1.1 204 No Content\r\n\r\n"); m.value("Content-Length") != "0" {
			t.Errorf("%s: %q", method, m.fields)
		}
		v.wants(method, 204, "")
	}
}
