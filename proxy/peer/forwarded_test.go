package peer

import (
	"strings"
	"testing"
)

func TestProto_BelievesOneOfTwo(t *testing.T) {
	for lines, want := range map[string]string{
		"https": "https", "http": "http", "HTTPS": "https", " https ": "https", "https,": "https", "https, https": "https", "https|https": "https",
		"": "", "|": "", ",": "", "https, http": "", "http|https": "", "ws": "", "wss": "", "h2": "", "https;x": "", "httpss": "", "https http": "",
	} {
		if got := Proto(strings.Split(lines, "|")...); got != want {
			t.Errorf("%q is %q, want %q", lines, got, want)
		}
	}
	if got := Proto(); got != "" {
		t.Errorf("none is %q", got)
	}
}

func TestHost_BelievesOneThatIsValid(t *testing.T) {
	for lines, want := range map[string]string{
		"example.org": "example.org", "Example.org:8080": "Example.org:8080", "192.0.2.1:80": "192.0.2.1:80", "a_b": "a_b", "example.org.": "example.org.",
		"[2001:db8::1]": "[2001:db8::1]", "[2001:db8::1]:443": "[2001:db8::1]:443", " example.org ,": "example.org", "a, a": "a", "a|a": "a",
		"xn--bcher-kva.example:65535": "xn--bcher-kva.example:65535",

		"": "", ",": "", "a, b": "", "a|b": "", "a/b": "", "a b": "", "user@a": "", "a:": "", "a:x": "", "a:65536": "", ":80": "", "a:1:2": "", ".": "", ".a": "", "a..b": "",
		"[::1": "", "::1": "", "[::1]x": "", "[::1]:": "", "[fe80::1%25eth0]": "", "[1.2.3.4]": "", "[]": "", "b\u00fccher": "", "a\x00": "", "a\"b": "", "<script>": "",
	} {
		if got := Host(strings.Split(lines, "|")...); got != want {
			t.Errorf("%q is %q, want %q", lines, got, want)
		}
	}
	if got := Host(strings.Repeat("a", 300)); got != "" {
		t.Errorf("a long one is %q", got)
	}
}
