package proxy

import (
	"slices"
	"strings"
	"testing"
)

func TestHTTP_DropsWhatConcernsOneConnection(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	hop := []string{
		"Connection: keep-alive, X-Named, x-other", "Connection: X-Again", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive",
		"X-Named: secret", "X-Other: secret", "x-again: secret",
	}
	v.send(get("/x", append([]string{"TE: gzip", "Proxy-Authorization: secret", "Upgrade: secret", "X-Kept: kept"}, hop...)...))
	m := o.asked(t, "GET /x", ok("done", append([]string{"Proxy-Authenticate: secret", "Upgrade: secret", "X-Kept: kept"}, hop...)...))
	for side, fields := range map[string][]string{"the target": m.fields, "the client": v.wants("GET", 200, "done").fields} {
		all := strings.Join(fields, "\n")
		if strings.Contains(all, "secret") || strings.Contains(all, "timeout=5") || strings.Contains(all, "gzip") ||
			values(fields, "Proxy-Connection") != nil || !slices.Equal(values(fields, "X-Kept"), []string{"kept"}) {
			t.Errorf("%s got\n%s", side, all)
		}
		for _, named := range []string{"X-Named", "X-Other", "X-Again", "Upgrade"} {
			if strings.Contains(strings.ToLower(strings.Join(values(fields, "Connection"), ",")), strings.ToLower(named)) {
				t.Errorf("%s got a Connection that names %s", side, named)
			}
		}
	}
	v.still()
}

func TestHTTP_KeepsWhatConnectionMayNotName(t *testing.T) {
	p, o := staged(t)
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Host", "Cookie"} {
		v := p.call(t)
		v.send(ask("POST", "/x", "body", "Cookie: a=b", "Connection: close, "+name))
		v.refused(400)
		v.ended()
	}
	o.unused(t)
	v := p.call(t)
	v.send(ask("POST", "/x", "body", "Connection: X-Forwarded-For, X-Request-Id"))
	m := o.asked(t, "POST /x", ok("done", "Connection: Date, X-Request-Id"))
	if m.body.String() != "body" || m.value("X-Forwarded-For") != "127.0.0.1" || m.value("X-Request-Id") == "" {
		t.Errorf("the target got %q with %q", m.fields, &m.body)
	}
	if m := v.wants("POST", 200, "done"); m.value("X-Request-Id") == "" || m.value("Date") == "" {
		t.Errorf("the client got %q", m.fields)
	}
}

func TestHTTP_PassesFieldsInAllTheirLines(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	lines := []string{
		"X-Many: 1", "X-Many: 2", "x-many: 3", "X-Empty:", "X-Spaces:   a  b\t", "X-Odd!#$%&'*+-.^_`|~: odd", "X-Latin: \xfc\xff",
		"X-Quoted: \"a, b\"", "X-Comma: ,,", "X-Colon: a: b",
	}
	want := map[string][]string{
		"X-Many": {"1", "2", "3"}, "X-Empty": {""}, "X-Spaces": {"a  b"}, "X-Odd!#$%&'*+-.^_`|~": {"odd"}, "X-Latin": {"\xfc\xff"},
		"X-Quoted": {"\"a, b\""}, "X-Comma": {",,"}, "X-Colon": {"a: b"},
	}
	v.send(get("/x", append([]string{"Cookie: a=1", "Accept: */*"}, lines...)...))
	m := o.asked(t, "GET /x", ok("done", append([]string{"Set-Cookie: a=1", "Set-Cookie: b=2; Path=/; HttpOnly"}, lines...)...))
	answer := v.wants("GET", 200, "done")
	for name, lines := range want {
		if got := values(m.fields, name); !slices.Equal(got, lines) {
			t.Errorf("the target got %s %q, want %q", name, got, lines)
		}
		if got := values(answer.fields, name); !slices.Equal(got, lines) {
			t.Errorf("the client got %s %q, want %q", name, got, lines)
		}
	}
	if got := values(answer.fields, "Set-Cookie"); !slices.Equal(got, []string{"a=1", "b=2; Path=/; HttpOnly"}) {
		t.Errorf("the cookies are %q", got)
	}
}

func TestHTTP_PassesTheReasonOfAStatus(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	for _, status := range []string{"200 OK", "299 Odd", "404 Not Found", "418 I'm a teapot", "500 Internal Server Error", "599 Last"} {
		v.send(get("/x"))
		o.asked(t, "GET /x", replying(status, "body"))
		if m := v.answer("GET"); m.start[:12] != "HTTP/1.1 "+status[:3] || m.body.String() != "body" {
			t.Errorf("%q became %q", status, m.start)
		}
	}
}
