package peer

import (
	"strings"
	"testing"
)

// schemeBy reads what the lines of a field say of a client that is one hop away; lines are divided by bars.
func schemeBy(name, lines string, hops int) string {
	for i := range Schemes {
		if Schemes[i].Name == name {
			return Schemes[i].Read(hops, strings.Split(lines, "|")...)
		}
	}
	return "no such field"
}

func TestScheme_ReadsTheSpellingsOfProxies(t *testing.T) {
	for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Url-Scheme", "X-Scheme", "CloudFront-Forwarded-Proto"} {
		for lines, want := range map[string]string{
			"https": "https", "http": "http", "HTTPS": "https", " https ": "https", "https,": "https", "https, https": "https", "https|https": "https",
			"wss": "https", "ws": "http", "WSS": "https", "ssl": "https", "https, http": "http", "http|https": "https", "http, wss": "https",
			"": "", "|": "", ",": "", "h2": "", "https;x": "", "httpss": "", "https http": "", "gopher": "", "on": "", "https, gopher": "",
		} {
			if got := schemeBy(name, lines, 1); got != want {
				t.Errorf("%s %q is %q, want %q", name, lines, got, want)
			}
		}
	}
	for _, name := range []string{"X-Forwarded-Ssl", "Front-End-Https"} {
		for lines, want := range map[string]string{"on": "https", "ON": "https", "1": "https", "true": "https", "off": "http", "0": "http", "on, off": "http", "": "", "https": ""} {
			if got := schemeBy(name, lines, 1); got != want {
				t.Errorf("%s %q is %q, want %q", name, lines, got, want)
			}
		}
	}
	for lines, want := range map[string]string{
		"proto=https": "https", "for=192.0.2.1;proto=http;by=x": "http", `for="[::1]:80"; Proto="HTTPS"`: "https", "for=192.0.2.1": "", "proto": "", "": "",
		"proto=https;host=a, for=10.0.0.1;proto=http": "http", "protocol=https": "", ";;": "",
	} {
		if got := schemeBy("Forwarded", lines, 1); got != want {
			t.Errorf("Forwarded %q is %q, want %q", lines, got, want)
		}
	}
	for lines, want := range map[string]string{`{"scheme":"https"}`: "https", `{"scheme":"http"}`: "http", `{"scheme": "https"}`: "https", "{}": "", "https": "", `{"scheme":}`: ""} {
		if got := schemeBy("Cf-Visitor", lines, 1); got != want {
			t.Errorf("Cf-Visitor %q is %q, want %q", lines, got, want)
		}
	}
}

// Each proxy may append what it sees; the first that is trusted saw the client.
func TestElement_IsThatOfTheFirstTrustedProxy(t *testing.T) {
	for _, test := range []struct {
		lines string
		hops  int
		want  string
	}{
		{"a", 1, "a"}, {"a", 3, "a"}, {"a, b", 1, "b"}, {"a, b", 2, "a"}, {"a, b", 3, "a"}, {"a|b, c", 2, "b"}, {"a,, b ,", 2, "a"}, {"x, a, b", 2, "a"}, {"", 1, ""},
	} {
		if got := element(strings.Split(test.lines, "|"), test.hops); got != test.want {
			t.Errorf("%q, %d hops: %q, want %q", test.lines, test.hops, got, test.want)
		}
	}
	if got := element(nil, 1); got != "" {
		t.Errorf("of none it is %q", got)
	}
}

func TestPort_BelievesWhatFitsTheScheme(t *testing.T) {
	for lines, want := range map[string]struct{ plain, secure string }{
		"8443": {"8443", "8443"}, "443": {"", "443"}, "80": {"80", ""}, "8080, 443": {"", "443"}, "443|8080": {"8080", "8080"}, "65535": {"65535", "65535"},
		"": {}, "0": {}, "65536": {}, "x": {}, "-1": {}, "80x": {}, "080": {}, "8443 ": {"8443", "8443"},
	} {
		if got := Port(false, 1, strings.Split(lines, "|")...); got != want.plain {
			t.Errorf("%q without TLS is %q, want %q", lines, got, want.plain)
		}
		if got := Port(true, 1, strings.Split(lines, "|")...); got != want.secure {
			t.Errorf("%q with TLS is %q, want %q", lines, got, want.secure)
		}
	}
}

func TestHost_BelievesOneThatIsValid(t *testing.T) {
	for lines, want := range map[string]string{
		"example.org": "example.org", "Example.org:8080": "Example.org:8080", "192.0.2.1:80": "192.0.2.1:80", "a_b": "a_b", "example.org.": "example.org.",
		"[2001:db8::1]": "[2001:db8::1]", "[2001:db8::1]:443": "[2001:db8::1]:443", " example.org ,": "example.org", "a, a": "a", "a|a": "a",
		"xn--bcher-kva.example:65535": "xn--bcher-kva.example:65535",

		"": "", ",": "", "a, b": "b", "a|b": "b", "a, b:8080": "b:8080", "b, a b": "", "a/b": "", "a b": "", "user@a": "", "a:": "", "a:x": "", "a:65536": "", ":80": "", "a:1:2": "", ".": "", ".a": "", "a..b": "",
		"[::1": "", "::1": "", "[::1]x": "", "[::1]:": "", "[fe80::1%25eth0]": "", "[1.2.3.4]": "", "[]": "", "b\u00fccher": "", "a\x00": "", "a\"b": "", "<script>": "",
	} {
		if got := Host(1, strings.Split(lines, "|")...); got != want {
			t.Errorf("%q is %q, want %q", lines, got, want)
		}
	}
	if got := Host(1, strings.Repeat("a", 300)); got != "" {
		t.Errorf("a long one is %q", got)
	}
}

func FuzzScheme(f *testing.F) {
	for _, seed := range []string{"https, http", "proto=https;for=a, for=b", `{"scheme":"https"}`, "on", ",,", `proto="`, "8443, 80"} {
		f.Add(seed, "X", 2)
	}
	f.Fuzz(func(t *testing.T, one, two string, hops int) {
		for i := range Schemes {
			if got := Schemes[i].Read(hops, one, two); got != "" && got != "http" && got != "https" {
				t.Errorf("%s says %q", Schemes[i].Name, got)
			}
		}
		if e := element([]string{one, two}, hops); !strings.Contains(one, e) && !strings.Contains(two, e) || strings.Contains(e, ",") {
			t.Errorf("%q is no element", e)
		}
		if port := Port(true, hops, one, two); port != "" && !isPort(port) {
			t.Errorf("%q is no port", port)
		}
	})
}
