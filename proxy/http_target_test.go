package proxy

import (
	"strconv"
	"strings"
	"testing"

	"gateway/proxy/route"
)

func TestHTTP_TakesAbsoluteTargets(t *testing.T) {
	o := play(t)
	r := mount(t, "example.org/robots", route.Strip, o.Target)
	p := start(t, Config{}, r)
	for target, test := range map[string]struct{ host, want string }{
		"http://example.org/robots/a%2Fb?c=d": {"example.org", "/a%2Fb?c=d"},
		"HTTP://EXAMPLE.org:80/robots/?":      {"EXAMPLE.org:80", "/?"},
		"http://example.org/robots//x":        {"example.org", "//x"},
	} {
		for _, said := range []string{test.host, "elsewhere.org"} {
			v := p.call(t)
			// RFC 9112 section 3.2.2: the target's host counts, whatever Host says.
			v.send("GET " + target + " HTTP/1.1\r\nHost: " + said + "\r\n\r\n")
			if host := o.asked(t, "GET "+test.want, ok("done")).value("Host"); host != test.host {
				t.Errorf("%s: the target got the Host %q", target, host)
			}
			v.wants("GET", 200, "done")
			v.still()
		}
	}
	v := p.call(t)
	v.send("GET http://elsewhere.org/robots/ HTTP/1.1\r\nHost: example.org\r\n\r\n")
	v.refused(404)
	o.unused(t)
}

func TestHTTP_AnswersForItselfAlone(t *testing.T) {
	p, o := staged(t)
	for _, test := range []struct {
		request string
		status  int
	}{
		{"OPTIONS * HTTP/1.1\r\nHost: example.org\r\n\r\n", 204},
		{"OPTIONS * HTTP/1.1\r\nHost: example.org\r\nMax-Forwards: 0\r\n\r\n", 204},
		{"TRACE /x HTTP/1.1\r\nHost: example.org\r\nCookie: secret\r\n\r\n", 405},
		{"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", 405},
		{"GET * HTTP/1.1\r\nHost: example.org\r\n\r\n", 400},
		{"GET x HTTP/1.1\r\nHost: example.org\r\n\r\n", 400},
	} {
		v := p.call(t)
		v.send(test.request)
		m := v.refused(test.status)
		if strings.Contains(m.body.String(), "secret") || test.status < 400 && m.body.Len() > 0 {
			t.Errorf("%q was answered %q", test.request, &m.body)
		}
		if !m.closes() {
			v.still()
		}
	}
	o.unused(t)
}

func TestHTTP_PassesMethodsItDoesNotKnow(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	for _, method := range []string{"PROPFIND", "M-SEARCH", "get", "X!#$%&'*+-.^_`|~", "PATCH", "OPTIONS"} {
		v.send(ask(method, "/x", "body"))
		if m := o.asked(t, method+" /x", ok("done")); m.body.String() != "body" {
			t.Errorf("%s came with %q", method, &m.body)
		}
		v.wants(method, 200, "done")
	}
}

func TestHTTP_TakesHeadsUpToItsLimit(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	large := strings.Repeat("v", 60<<10)
	v.send(get("/x", "X-Large: "+large))
	if m := o.asked(t, "GET /x", ok("done")); m.value("X-Large") != large {
		t.Error("a large field changed")
	}
	v.wants("GET", 200, "done")
	long := "/" + strings.Repeat("u", 8<<10) + "?" + strings.Repeat("q", 8<<10)
	v.send(get(long))
	o.asked(t, "GET "+long, ok("done"))
	v.wants("GET", 200, "done")
	var many []string
	for i := range 100 {
		many = append(many, "X-Many-"+strconv.Itoa(i)+": "+strconv.Itoa(i))
	}
	v.send(get("/x", many...))
	m := o.asked(t, "GET /x", ok("done", many...))
	answer := v.wants("GET", 200, "done")
	for i := range many {
		name, want := "X-Many-"+strconv.Itoa(i), strconv.Itoa(i)
		if m.value(name) != want || answer.value(name) != want {
			t.Errorf("%s came as %q and %q", name, m.value(name), answer.value(name))
		}
	}
}

func TestHTTP_RefusesHeadsOverItsLimit(t *testing.T) {
	p, o := staged(t)
	for name, test := range map[string]struct{ request, statuses string }{
		"a field":        {get("/x", "X-Large: "+strings.Repeat("v", 80<<10)), "431"},
		"many fields":    {get("/x", strings.Repeat("X-Many: many-many-many\r\n", 4000)+"X-Last: 1"), "431"},
		"a long target":  {get("/" + strings.Repeat("u", 80<<10)), "414 431"},
		"an endless one": {"GET /" + strings.Repeat("u", 100<<10), "414 431"},
		"an endless name": {
			"GET / HTTP/1.1\r\n" + strings.Repeat("u", 100<<10), "431",
		},
	} {
		v := p.call(t)
		// The gateway may close before it took all.
		_, _ = v.Write([]byte(test.request))
		m := v.answer("GET")
		if !strings.Contains(test.statuses, m.start[9:12]) || !m.closes() {
			t.Errorf("%s: answered %q %q", name, m.start, m.fields)
		}
	}
	o.unused(t)
}

func TestHTTP_TakesLargeHeadsOfAnswers(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	large := strings.Repeat("v", 200<<10)
	v.send(get("/x"))
	target := o.next(t)
	target.request()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		target.push(ok("done", "X-Large: "+large, "Connection: close"))
	}()
	if m := v.wants("GET", 200, "done"); m.value("X-Large") != large {
		t.Error("a large field changed")
	}
	<-sent
	v.send(get("/x"))
	target = o.next(t)
	target.request()
	go func() { _, _ = target.Write([]byte(ok("done", strings.Repeat("X-Many: many\r\n", 40000)+"X-Last: 1"))) }()
	v.refused(502)
	v.still()
}
