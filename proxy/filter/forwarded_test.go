package filter

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"gateway/proxy/engine"
)

// FuzzPortOf compares with the standard library.
func FuzzPortOf(f *testing.F) {
	for _, seed := range []string{"", ":", "a", "a:", "a:80", "a:99999", "a:065535", "[::1]", "[::1]:81", "::1", "[", "[:", "a:b:c", "[a]b:1", "a:0000000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if strings.ContainsAny(strings.TrimPrefix(host, "["), "[") || strings.Count(host, "]") > 1 || strings.Contains(host, "]") && host[0] != '[' {
			return // No host has such brackets, and none gets here.
		}
		want := "443"
		if _, port, err := net.SplitHostPort(host); err == nil {
			if _, err := strconv.ParseUint(port, 10, 16); err == nil {
				want = port
			}
		}
		if got := portOf(&Request{Exchange: &engine.Exchange{Request: engine.Request{Host: host, Secure: true}}}); got != want {
			t.Errorf("the port of %q is %q, want %q", host, got, want)
		}
	})
}

func TestForwarded_QuotesAddresses(t *testing.T) {
	if got := element(&engine.Request{Peer: "2001:db8::1"}); got != `for="[2001:db8::1]";proto=http` {
		t.Errorf("got %s", got)
	}
}
