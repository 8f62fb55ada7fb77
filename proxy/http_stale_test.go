package proxy

import (
	"strings"
	"testing"
)

func TestHTTP_NoticesThatAKeptConnectionEnded(t *testing.T) {
	for name, end := range map[string]func(*line){
		"closed": func(target *line) { _ = target.Close() },
		"reset":  func(target *line) { _ = target.SetLinger(0); _ = target.Close() },
		"half":   func(target *line) { _ = target.CloseWrite() },
		"408": func(target *line) {
			target.send(replying("408 Request Timeout", "", "Connection: close"))
			_ = target.Close()
		},
		"noise":  func(target *line) { target.send("\r\n") },
		"answer": func(target *line) { target.send(ok("nobody asked")) },
	} {
		for _, request := range []string{get("/x"), ask("POST", "/x", "body"), ask("POST", "/x", strings.Repeat("b", 1<<20))} {
			_, o, v, target := warmed(t)
			end(target)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				v.push(request)
			}()
			// Nothing of it was sent over the old connection, so even a body is sent over a new one.
			method, _, _ := strings.Cut(request, " ")
			m := o.asked(t, method+" /x", ok("done"))
			if m.body.Len() != len(request)-strings.Index(request, "\r\n\r\n")-4 {
				t.Errorf("%s: %d bytes of the body came", name, m.body.Len())
			}
			v.wants(method, 200, "done")
			<-sent
			o.unused(t)
		}
	}
}

func TestHTTP_TakesNothingBehindAnAnswerForAnother(t *testing.T) {
	poison := ok("poison")
	for _, test := range []struct{ method, answer, body string }{
		{"GET", ok("one") + poison, "one"},
		{"GET", ok("one") + "x", "one"},
		{"GET", ok("one") + "\r\n", "one"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("one") + chunk("") + poison, "one"},
		{"GET", "HTTP/1.1 204 No Content\r\n\r\n" + poison, ""},
		{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n" + poison, ""},
		{"HEAD", ok("poison") + poison, ""},
		{"HEAD", ok("poison"), ""},
		{"POST", ok("one") + poison, "one"},
		{"GET", ok("one") + "HTTP/1.1 100 Continue\r\n\r\n", "one"},
	} {
		p, o := staged(t)
		v := p.call(t)
		request := ask(test.method, "/x", "")
		if test.method == "POST" {
			request = ask("POST", "/x", "body")
		}
		v.send(request)
		target := o.next(t)
		target.asked(test.method+" /x", test.answer)
		if m := v.answer(test.method); m.body.String() != test.body {
			t.Errorf("%q: the client got %q", test.answer, &m.body)
		}
		v.send(get("/next"))
		o.asked(t, "GET /next", ok("next"))
		v.wants("GET", 200, "next")
		target.ended()
	}
}

func TestHTTP_TakesNothingBehindALargeAnswerForAnother(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/x"))
	target := o.next(t)
	target.request()
	large := strings.Repeat("l", 3<<20)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		target.push(ok(large) + ok("poison"))
	}()
	head := v.head()
	// The poison is there before the gateway can be done with the body.
	v.take(1 << 20)
	<-sent
	v.take(2 << 20)
	if head.value("Content-Length") != "3145728" {
		t.Errorf("head %q", head.fields)
	}
	v.send(get("/next"))
	o.asked(t, "GET /next", ok("next"))
	v.wants("GET", 200, "next")
	target.ended()
}
