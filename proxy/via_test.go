package proxy

import (
	"testing"

	"gateway/proxy/route"
)

func TestProxy_AddsViaAndForwardedWhenConfigured(t *testing.T) {
	target, heads := recordHeads(t)
	p := start(t, Config{Via: "club", Forwarded: true}, mount(t, "/", route.Strip, target))
	for version, want := range map[string]string{"1.1": "1.1 club", "1.0": "1.0 club"} {
		got := p.raw(t, "GET", "GET / HTTP/"+version+"\r\nHost: example.org:8080\r\nVia: 1.1 other\r\nForwarded: for=6.6.6.6\r\nConnection: close\r\n\r\n")
		head := <-heads
		if via := fields(head, "Via"); len(via) != 2 || via[0] != "1.1 other" || via[1] != want {
			t.Errorf("HTTP/%s: Via %q, want the other's and %q", version, via, want)
		}
		if is := fields(head, "Forwarded"); len(is) != 1 || is[0] != `for=127.0.0.1;proto=http;host="example.org:8080"` {
			t.Errorf("Forwarded %q", is)
		}
		if via := got.Header.Get("Via"); via != "1.1 club" {
			t.Errorf("the client received %q", via)
		}
	}
}
