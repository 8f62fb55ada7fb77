package proxy

import (
	"slices"
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

func TestHTTP_RefusesOtherExpectations(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/in", "", "Content-Length: 4", "Expect: a-miracle"))
	if m := v.refused(417); !m.closes() {
		t.Errorf("the end is not announced: %q", m.fields)
	}
	v.ended()
	o.unused(t)
}

func TestHTTP_TakesNoUpgradeThatNobodyAskedFor(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/x"))
	target := o.next(t)
	target.request()
	target.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframes")
	v.refused(502)
	target.ended()
	v.still()
}

func TestHTTP_SendsNoInformationalAnswersToOldClients(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send("POST /x HTTP/1.0\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody")
	target := o.next(t)
	target.request()
	target.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("done"))
	v.wants("POST", 200, "done")
	v.ended()
}

func TestHTTP_KeepsTheOrderAndSpellingOfFields(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	lines := []string{"zebra: 1", "X-ODD-case: 2", "aPPle: 3", "zebra: 4", "ETag: \"5\"", "DNT: 1", "x-many: 6"}
	v.send(get("/x", lines...))
	m := o.asked(t, "GET /x", ok("done", lines...))
	for side, fields := range map[string][]string{"the target": m.fields, "the client": v.wants("GET", 200, "done").fields} {
		got := slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return !slices.Contains(lines, f) })
		if !slices.Equal(got, lines) {
			t.Errorf("%s got %q, want %q", side, got, lines)
		}
	}
}

func TestHTTP_LetsNoTrailerPassForAField(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	lies := "Content-Length: 5\r\nHost: evil.org\r\nX-Forwarded-For: 6.6.6.6\r\nx_real_ip: 6.6.6.6\r\nAuthorization: evil\r\nTransfer-Encoding: evil\r\nX-Kept: kept\r\n"
	v.send(ask("POST", "/x", "1\r\na\r\n0\r\n"+lies+"\r\n", "Transfer-Encoding: chunked", "TE: trailers", "Connection: TE"))
	m := o.asked(t, "POST /x", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\nSet-Cookie: evil=1\r\n"+lies+"\r\n")
	for side, trailers := range map[string][]string{"the target": m.trailers, "the client": v.wants("POST", 200, "b").trailers} {
		if !slices.Equal(trailers, []string{"X-Kept: kept"}) {
			t.Errorf("%s got the trailers %q", side, trailers)
		}
	}
}

func TestHTTP_DropsSettingsOfAnotherVersion(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"))
	if m := o.asked(t, "GET /x", ok("done")); m.value("HTTP2-Settings") != "" {
		t.Errorf("the target got %q", m.fields)
	}
	v.wants("GET", 200, "done")
	v.still()
}

func TestHTTP_WaitsForNoBodyThatWasRefused(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/in", "", "Content-Length: 4", "Expect: 100-continue"))
	target := o.next(t)
	target.head()
	target.send(replying("413 Content Too Large", "no", "Connection: close"))
	if m := v.wants("POST", 413, "no"); m.closes() {
		// What was announced happens, although the client holds its body back.
		v.ended()
		return
	}
	v.send("body")
	v.still()
}
