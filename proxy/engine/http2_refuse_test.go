package engine

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestHTTP2_RefusesWhatHTTP1WouldRefuse(t *testing.T) {
	m, _ := throughTLS(t, HTTP, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the target got %s %s %v", r.Method, r.RequestURI, r.Header)
	})
	get := []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h"}
	with := func(more ...string) []string { return append(slices.Clone(get), more...) }
	put := func(name, value string) []string {
		changed := with()
		for i := range changed {
			if changed[i] == name {
				changed[i+1] = value
			}
		}
		return changed
	}
	for _, c := range []struct {
		name, rule string
		fields     []string
	}{
		{"space in path", "space", put(":path", "/a b")},
		{"version in path", "space", put(":path", "/ HTTP/1.1")},
		{"fragment in path", "fragment", put(":path", "/a#b")},
		{"absolute path", "RFC 9113 section 8.3.1", put(":path", "http://h/")},
		{"path of another host", "RFC 9113 section 8.3.1", put(":path", "http://evil/")},
		{"star without OPTIONS", "form", put(":path", "*")},
		{"space in method", "space", put(":method", "GET / HTTP/1.1 x")},
		{"space in host", "Host is not", put(":authority", "h x")},
		{"slash in host", "Host is not", put(":authority", "h/x")},
		{"no host", "there is no Host", put(":authority", "")},
		{"other host", "more than one Host", with("host", "evil")},
		{"two hosts", "more than one Host", with("host", "h", "host", "h")},
		{"two lengths", "more than one Content-Length", with("content-length", "0", "content-length", "0")},
		{"bad length", "not a number", with("content-length", "+0")},
		{"length without body", "shorter", with("content-length", "5")},
		{"shadowed length", "pass for one of the framing", with("content_length", "5")},
		{"shadowed coding", "pass for one of the framing", with("transfer_encoding", "chunked")},
		{"padded value", "whitespace", with("x-a", " b")},
		{"padded value behind", "whitespace", with("x-a", "b\t")},
		{"expectation", "100-continue", with("expect", "the unexpected")},
		{"many fields", "too many fields", with(strings.Split(strings.Repeat("x-a,b,", 200)+"x,y", ",")...)},
		{"protocol without CONNECT", "RFC 8441", append([]string{":protocol", "websocket"}, get...)},
		{"tunnel of HTTP", "cannot be tunnelled", append([]string{":protocol", "h2c"}, put(":method", "CONNECT")...)},
		{"tunnel of nothing", "not one list of protocols", append([]string{":protocol", ","}, put(":method", "CONNECT")...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := dialWire(t, m.address, true)
			w.ask(1, endStream, c.fields...)
			head, data, reset := w.body()
			if len(head) == 0 || head[0] == 0x88 || !bytes.Contains(data, []byte(c.rule)) || reset != 0 {
				t.Errorf("head %x, body %q, reset %d, want a refusal for %q", head, data, reset, c.rule)
			}
		})
	}
}

func TestHTTP2_ResetsWhatTheLibraryRefuses(t *testing.T) {
	m, _ := throughTLS(t, HTTP, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the target got %v", r) })
	for name, field := range map[string][2]string{
		"line break": {"x-a", "b\r\nx-c: d"}, "nul": {"x-a", "b\x00"}, "upper case": {"X-A", "b"}, "space": {"x a", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			w := dialWire(t, m.address, true)
			w.ask(1, endStream, ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h", field[0], field[1])
			if f := w.next(); f.kind != resetFrame {
				t.Errorf("came %+v", f)
			}
		})
	}
}

func TestHTTP2_ServesOptionsOfTheServer(t *testing.T) {
	m, _ := throughTLS(t, HTTP, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "target ", r.RequestURI) })
	w := dialWire(t, m.address, true)
	w.ask(1, endStream, ":method", "OPTIONS", ":scheme", "https", ":path", "*", ":authority", "h")
	if head, _, reset := w.body(); len(head) == 0 || head[0] != 0x88 || reset != 0 {
		t.Errorf("head %x, reset %d", head, reset)
	}
}

func TestHTTP2_RefusesLongHeads(t *testing.T) {
	m, _ := throughTLS(t, HTTP, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the target got %d fields", len(r.Header)) })
	for _, size := range []int{64, 100} {
		w := dialWire(t, m.address, true)
		w.ask(1, endStream, long(size)...)
		if head, data, reset := w.body(); len(head) == 0 || !bytes.Contains(data, []byte("the head is too long")) || reset != 0 {
			t.Errorf("%d KiB: head %x, body %q, reset %d", size, head, data, reset)
		}
	}
	w := dialWire(t, m.address, true)
	w.ask(1, endStream, long(500)...)
	if f := w.next(); f.kind != goAwayFrame {
		t.Errorf("came %+v", f)
	}
}

// long are the fields of a request with that many KiB.
func long(size int) []string {
	fields := []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h"}
	for range size {
		fields = append(fields, "x-long", strings.Repeat("x", 1<<10))
	}
	return fields
}
