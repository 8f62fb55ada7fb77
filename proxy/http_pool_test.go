package proxy

import "testing"

// warmed is a target with a connection over which a request was answered, and its client.
func warmed(t *testing.T) (p *running, o *origin, v, target *line) {
	t.Helper()
	p, o = staged(t)
	v = p.call(t)
	v.send(get("/warm"))
	target = o.next(t)
	target.asked("GET /warm", ok("warm"))
	v.wants("GET", 200, "warm")
	return p, o, v, target
}

func TestHTTP_AsksOverAFreshConnectionWhenAKeptOneEnds(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"} {
		_, o, v, target := warmed(t)
		v.send(ask(method, "/x", ""))
		if m := target.request(); m.start != method+" /x HTTP/1.1" {
			t.Fatalf("asked %q", m.start)
		}
		// To the gateway this is a target that closed just as the request was on its way.
		_ = target.Close()
		o.asked(t, method+" /x", ok(""))
		v.wants(method, 200, "")
		o.unused(t)
	}
}

func TestHTTP_SendsNoBodyTwice(t *testing.T) {
	for _, request := range []string{
		ask("POST", "/x", "body"), ask("PATCH", "/x", "body"), ask("POST", "/x", chunk("body")+chunk(""), "Transfer-Encoding: chunked"),
	} {
		_, o, v, target := warmed(t)
		v.send(request)
		if m := target.request(); m.body.String() != "body" {
			t.Fatalf("the body is %q", &m.body)
		}
		_ = target.Close()
		v.refused(502)
		v.still()
		o.unused(t)
	}
}

func TestHTTP_DoesNotRepeatWhatIsNoQuestion(t *testing.T) {
	for _, method := range []string{"POST", "PATCH", "UNKNOWN"} {
		_, o, v, target := warmed(t)
		v.send(ask(method, "/x", "", "Content-Length: 0"))
		target.request()
		_ = target.Close()
		v.refused(502)
		o.unused(t)
	}
}

func TestHTTP_AsksOnlyOnceOverAFreshConnection(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/x"))
	target := o.next(t)
	target.request()
	_ = target.Close()
	v.refused(502)
	v.still()
	o.unused(t)
}

func TestHTTP_AsksNoMoreOnceAnAnswerBegan(t *testing.T) {
	for _, began := range []string{"H", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"} {
		_, o, v, target := warmed(t)
		v.send(get("/x"))
		target.request()
		target.send(began)
		_ = target.CloseWrite()
		m := v.answer("GET")
		if m.status() == 103 {
			m = v.answer("GET")
		}
		if m.status() != 502 {
			t.Errorf("%q: answered %q", began, m.start)
		}
		target.ended()
		o.unused(t)
	}
}
