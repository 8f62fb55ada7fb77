//go:build engine

package proxy

import "testing"

func TestHTTP_PassesReasonsAsTheyAre(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	for _, status := range []string{"200 Fine", "200 ", "418 I'm a teapot", "413 Content Too Large", "299 Odd \xfc"} {
		v.send(get("/x"))
		o.asked(t, "GET /x", replying(status, ""))
		if m := v.answer("GET"); m.start != "HTTP/1.1 "+status {
			t.Errorf("%q became %q", status, m.start)
		}
	}
}
