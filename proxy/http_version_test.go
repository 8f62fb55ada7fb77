package proxy

import (
	"strings"
	"testing"
)

func TestHTTP_AnswersOldClientsUntilTheirConnectionEnds(t *testing.T) {
	p, o := staged(t)
	for _, answer := range []string{
		ok("the body"),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nthe \r\n4\r\nbody\r\n0\r\nX-Trailer: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nthe body",
		"HTTP/1.0 200 OK\r\n\r\nthe body",
	} {
		v := p.call(t)
		v.send("GET /x HTTP/1.0\r\nHost: example.org\r\n\r\n")
		if m := o.asked(t, "GET /x", answer); m.value("Host") != "example.org" {
			t.Errorf("the target got %q", m.fields)
		}
		if !strings.Contains(answer, "Length") && !strings.Contains(answer, "chunked") {
			_ = o.last.CloseWrite()
		}
		m := v.answer("GET")
		if m.body.String() != "the body" || m.status() != 200 || m.value("Transfer-Encoding") != "" ||
			strings.Contains(strings.ToLower(m.value("Connection")), "keep-alive") {
			t.Errorf("%q became %q %q %q", answer, m.start, m.fields, &m.body)
		}
		v.ended()
	}
}

func TestHTTP_KeepsConnectionsOfOldClientsThatAsk(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	for _, path := range []string{"/1", "/2"} {
		v.send("GET " + path + " HTTP/1.0\r\nHost: example.org\r\nConnection: keep-alive\r\n\r\n")
		o.asked(t, "GET "+path, ok("body"))
		if m := v.wants("GET", 200, "body"); !strings.EqualFold(m.value("Connection"), "keep-alive") {
			t.Errorf("the client cannot know that the connection stays: %q", m.fields)
		}
	}
	// An answer without a length can only end with the connection.
	v.send("GET /3 HTTP/1.0\r\nHost: example.org\r\nConnection: keep-alive\r\n\r\n")
	o.asked(t, "GET /3", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n")
	m := v.wants("GET", 200, "body")
	if m.value("Transfer-Encoding") != "" || strings.EqualFold(m.value("Connection"), "keep-alive") {
		t.Errorf("a chunked answer for HTTP/1.0 became %q", m.fields)
	}
	v.ended()
}

func TestHTTP_ServesOldClientsWithoutAHost(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send("GET /x HTTP/1.0\r\n\r\n")
	o.asked(t, "GET /x", ok("body"))
	v.wants("GET", 200, "body")
	v.ended()
}

func TestHTTP_PassesBodiesOfOldClients(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send("POST /x HTTP/1.0\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
	if m := o.asked(t, "POST /x", ok("done")); m.body.String() != "body" {
		t.Errorf("the target got %q", &m.body)
	}
	v.wants("POST", 200, "done")
	v.ended()
}

func TestHTTP_SpeaksItsOwnVersionForOldTargets(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	for _, test := range []struct {
		answer string
		ends   bool
	}{
		{"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", true},
		{"HTTP/1.0 200 OK\r\n\r\nbody", true},
		{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody", false},
		{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", true},
		{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody", true},
		{"HTTP/1.1 200 OK\r\n\r\nbody", true},
	} {
		v.send(get("/x"))
		o.asked(t, "GET /x", test.answer)
		if test.ends {
			_ = o.last.CloseWrite()
			// Nothing is asked over a connection that its target wants to end.
			o.last.ended()
			o.last = nil
		}
		m := v.wants("GET", 200, "body")
		if m.start != "HTTP/1.1 200 OK" || m.closes() || m.value("Content-Length")+m.value("Transfer-Encoding") == "" {
			t.Errorf("%q became %q %q", test.answer, m.start, m.fields)
		}
		v.still()
	}
}

func TestHTTP_BreaksOffWhereAnAnswerWithoutALengthIsReset(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/x"))
	target := o.next(t)
	target.request()
	target.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfirst")
	head := v.head()
	if head.value("Transfer-Encoding") != "chunked" {
		t.Fatalf("head %q", head.fields)
	}
	_ = target.SetLinger(0)
	_ = target.Close()
	if err := head.readChunks(v.r, &head.body); err == nil {
		t.Errorf("an answer that was reset passes for whole: %q", &head.body)
	}
}

func TestHTTP_RefusesOtherVersions(t *testing.T) {
	p, o := staged(t)
	for start, statuses := range map[string]string{"GET /x HTTP/2.0": "505", "GET /x HTTP/3.0": "505", "GET /x http/1.1": "400", "GET /x HTTP/1.10": "400 505", "GET /x XTTP/1.1": "400"} {
		v := p.call(t)
		v.send(start + "\r\nHost: example.org\r\n\r\n")
		if m := v.answer("GET"); !strings.Contains(statuses, m.start[9:12]) || !m.closes() {
			t.Errorf("%q was answered %q %q", start, m.start, m.fields)
		}
		v.ended()
	}
	o.unused(t)
}
