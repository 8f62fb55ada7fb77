package proxy

import (
	"strings"
	"testing"

	"gateway/proxy/route"
)

// The tests named TestHTTP play both neighbours of the gateway over raw connections, and read what it sends strictly.

func TestHTTP_KeepsConnectionsOnBothSides(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/first"))
	target := o.next(t)
	target.asked("GET /first", ok("one"))
	if m := v.wants("GET", 200, "one"); m.closes() {
		t.Errorf("the gateway closes: %q", m.fields)
	}
	v.send(ask("POST", "/second", "sent"))
	if got := target.asked("POST /second", ok("two")); got.body.String() != "sent" {
		t.Errorf("the target got %q", &got.body)
	}
	v.wants("POST", 200, "two")
	v.still()
	o.unused(t)
}

func TestHTTP_SharesConnectionsToTargetsAmongClients(t *testing.T) {
	p, o := staged(t)
	var target *line
	for _, path := range []string{"/a", "/b", "/c"} {
		v := p.call(t)
		v.send(get(path, "Connection: close"))
		if target == nil {
			target = o.next(t)
		}
		if m := target.asked("GET "+path, ok(path)); m.closes() {
			t.Errorf("the client's Connection was passed on: %q", m.fields)
		}
		if m := v.wants("GET", 200, path); !m.closes() {
			t.Errorf("the end is not announced: %q", m.fields)
		}
		v.ended()
	}
	o.unused(t)
}

func TestHTTP_AnswersPipelinedRequestsInOrder(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/1") + ask("POST", "/2", "two") + ask("HEAD", "/3", "") +
		ask("PUT", "/4", "4\r\nfour\r\n0\r\n\r\n", "Transfer-Encoding: chunked") + get("/5", "Connection: close"))
	o.asked(t, "GET /1", ok("first"))
	if m := o.asked(t, "POST /2", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n"); m.body.String() != "two" {
		t.Errorf("the body of /2 is %q", &m.body)
	}
	o.asked(t, "HEAD /3", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
	if m := o.asked(t, "PUT /4", "HTTP/1.1 204 No Content\r\n\r\n"); m.body.String() != "four" {
		t.Errorf("the body of /4 is %q", &m.body)
	}
	o.asked(t, "GET /5", ok("fifth"))
	v.wants("GET", 200, "first")
	v.wants("POST", 200, "second")
	v.wants("HEAD", 200, "")
	v.wants("PUT", 204, "")
	v.wants("GET", 200, "fifth")
	v.ended()
}

func TestHTTP_AsksForPipelinedRequestsOneByOne(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/1") + get("/2"))
	target := o.next(t)
	if m := target.request(); m.start != "GET /1 HTTP/1.1" {
		t.Fatalf("asked %q", m.start)
	}
	// The second may not be under way anywhere: the first could still fail, and order would be lost.
	target.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\non")
	v.expect("HTTP/1.1 200 OK\r\n")
	o.unused(t)
	if n := target.r.Buffered(); n != 0 {
		t.Errorf("%d bytes of another request behind the first", n)
	}
	target.send("e")
	if _, err := readFields(v.r); err != nil {
		t.Fatal(err)
	}
	v.expect("one")
	target.asked("GET /2", ok("two"))
	v.wants("GET", 200, "two")
}

func TestHTTP_KeepsTheOrderAroundErrors(t *testing.T) {
	o := play(t)
	p := start(t, Config{}, mount(t, "/x", route.Preserve, o.Target), mount(t, "/dead", route.Preserve, at("dead", deadAddress(t))))
	v := p.call(t)
	v.send(get("/x/1") + get("/nowhere/2") + get("/dead/3") + get("/x/../../4") + get("/x/5"))
	target := o.next(t)
	target.asked("GET /x/1", ok("one"))
	v.wants("GET", 200, "one")
	v.refused(404)
	v.refused(502)
	v.refused(400)
	target.asked("GET /x/5", ok("five"))
	v.wants("GET", 200, "five")
}

func TestHTTP_EndsAtAMalformedRequest(t *testing.T) {
	p, o := staged(t)
	for _, bad := range []string{
		"GET /bad HTTP/1.1\r\nHost : example.org\r\n\r\n",
		"GET /bad HTTP/1.1\r\nHost: example.org\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
		"GET /bad HTTP/1.1\r\n\r\n",
		"GET /bad\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	} {
		v := p.call(t)
		v.send(get("/1") + bad + get("/smuggled"))
		target := o.next(t)
		target.asked("GET /1", ok("one", "Connection: close"))
		v.wants("GET", 200, "one")
		if m := v.refused(400); !m.closes() {
			t.Errorf("after %q: the end is not announced: %q", bad, m.fields)
		}
		v.ended()
		o.unused(t)
	}
}

func TestHTTP_TakesRequestsByteByByte(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	go v.trickle(ask("POST", "/1", "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", "Transfer-Encoding: chunked") +
		ask("POST", "/2", "sent") + get("/3"))
	if m := o.asked(t, "POST /1", ok("one")); m.body.String() != "abc0123456789" {
		t.Errorf("the body of /1 is %q", &m.body)
	}
	if m := o.asked(t, "POST /2", ok("two")); m.body.String() != "sent" {
		t.Errorf("the body of /2 is %q", &m.body)
	}
	o.asked(t, "GET /3", ok("three"))
	v.wants("POST", 200, "one")
	v.wants("POST", 200, "two")
	v.wants("GET", 200, "three")
}

func TestHTTP_TakesAnswersByteByByte(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/1") + get("/2") + get("/3"))
	target := o.next(t)
	for _, answer := range []string{
		ok("one"),
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\nthree",
	} {
		target.request()
		target.trickle(answer)
	}
	_ = target.Close()
	v.wants("GET", 200, "one")
	v.refused(103)
	v.wants("GET", 200, "two")
	v.wants("GET", 200, "three")
}

func TestHTTP_TakesManyRequestsInOneSegment(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	const many = 50
	v.send(strings.Repeat(get("/get")+ask("POST", "/post", "body"), many))
	for range many {
		o.asked(t, "GET /get", ok("got"))
		if m := o.asked(t, "POST /post", ok("posted")); m.body.String() != "body" {
			t.Fatalf("the body is %q", &m.body)
		}
		v.wants("GET", 200, "got")
		v.wants("POST", 200, "posted")
	}
	v.still()
}
