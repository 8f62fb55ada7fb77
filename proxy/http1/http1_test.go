package http1

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"gateway/proxy/header"
)

func TestParse_AllocatesNothing(t *testing.T) {
	request := Request{Header: make(header.Header, 0, 32)}
	response := Response{Header: make(header.Header, 0, 32)}
	decoder := Decoder{Trailers: make(header.Header, 0, 4)}
	out := make([]byte, 0, 4096)
	small, browser, head := []byte(smallHead), []byte(browserHead), []byte(responseHead)
	named := []byte("GET http://[::1]:80/ HTTP/1.1\r\nHost: [::1]:80\r\nConnection: x-a, te, upgrade\r\nX-A: 1\r\nUpgrade: websocket\r\n" +
		"TE: trailers\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
	refused := []byte("GET / HTTP/1.1\r\nHost : a\r\n\r\n")
	coded := []byte("5;a=\"b\"\r\nhello\r\n0\r\nX: 1\r\n\r\n")
	for name, run := range map[string]func() error{
		"small":   func() error { _, err := ParseRequest(&request, small, ample); return err },
		"browser": func() error { _, err := ParseRequest(&request, browser, ample); return err },
		"named":   func() error { _, err := ParseRequest(&request, named, ample); return err },
		"refused": func() error {
			if _, err := ParseRequest(&request, refused, ample); !errors.Is(err, spaceColon) {
				return fmt.Errorf("refused by %w", err)
			}
			return nil
		},
		"response": func() error { _, err := ParseResponse(&response, head, "GET", ample); return err },
		"chunks": func() error {
			decoder.Reset()
			_, n, _, err := decoder.Next(coded)
			if err == nil {
				_, _, _, err = decoder.Next(coded[n:])
			}
			return err
		},
		"appending": func() error {
			out = AppendRequestLine(out[:0], request.Method, request.Path, request.Query)
			out = AppendFields(out, request.Header)
			out = AppendStatusLine(out, 200, "OK")
			out = AppendLength(out, 1<<40)
			out = AppendLastChunk(AppendChunk(out, 1<<20), nil)
			return nil
		},
	} {
		if err := run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := testing.AllocsPerRun(100, func() { _ = run() }); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}

func TestParseRequest_ForgetsTheOneBefore(t *testing.T) {
	var r Request
	full := "POST http://a/?q HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: x\r\nTE: trailers\r\nExpect: 100-continue\r\n" +
		"Transfer-Encoding: chunked\r\nA: 1\r\n\r\n"
	if _, err := ParseRequest(&r, []byte(full), ample); err != nil || !r.Close || !r.Continue || !r.Trailers || r.Length != Chunked || r.Upgrade != "x" {
		t.Fatalf("%+v, %v", r, err)
	}
	memory := unsafe.SliceData(r.Header)
	if _, err := ParseRequest(&r, []byte("GET /x HTTP/1.0\r\nB: 2\r\n\r\n"), ample); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", r)
	want := fmt.Sprintf("%+v", Request{Method: "GET", Target: "/x", Path: "/x", Close: true, Header: header.Header{{Name: "B", Value: "2"}}})
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if unsafe.SliceData(r.Header) != memory {
		t.Error("the memory of the header was not used again")
	}
}

func TestParseRequest_KeepsWhatItReadOfARefusedOne(t *testing.T) {
	var r Request
	_, err := ParseRequest(&r, []byte("PUT /x?y HTTP/1.1\r\nHost: a\r\nAccept-Language: de\r\nBad Name: 1\r\nLater: 2\r\n\r\n"), ample)
	if !errors.Is(err, badName) && !errors.Is(err, spaceColon) {
		t.Fatal(err)
	}
	language, _ := r.Header.Lookup("Accept-Language")
	if r.Method != "PUT" || r.Target != "/x?y" || r.Host != "a" || language != "de" {
		t.Errorf("%+v", r)
	}
	if _, err = ParseRequest(&r, []byte("GET /x HTTP/2.0\r\n\r\n"), ample); !errors.Is(err, otherVersion) || r.Target != "/x" || len(r.Header) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestParse_LimitsAreReachedExactly(t *testing.T) {
	raw := []byte("GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\n\r\n")
	line := bytes.IndexByte(raw, '\n') + 1
	for _, c := range []struct {
		bytes, fields int
		want          error
	}{
		{len(raw), 2, nil}, {len(raw) - 1, 2, longHead}, {len(raw), 1, manyFields}, {line, 2, longHead}, {line - 1, 2, longTarget}, {0, 0, longTarget}, {-1, -1, nil},
	} {
		if n, err := ParseRequest(new(Request), append(raw, "more"...), Limits{c.bytes, c.fields}); !errors.Is(err, c.want) || err == nil && n != len(raw) {
			t.Errorf("%d bytes, %d fields: %d, %v, want %v", c.bytes, c.fields, n, err, c.want)
		}
	}
	raw = []byte("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n")
	for _, c := range []struct {
		bytes, fields int
		want          error
	}{{len(raw), 2, nil}, {len(raw) - 1, 2, longHead}, {len(raw), 1, manyFields}} {
		if _, err := ParseResponse(new(Response), append(raw, "more"...), "GET", Limits{c.bytes, c.fields}); !errors.Is(err, c.want) {
			t.Errorf("%d bytes, %d fields: %v, want %v", c.bytes, c.fields, err, c.want)
		}
	}
}

func TestParseResponse_DeclaresTheLengthOfNoBody(t *testing.T) {
	for _, c := range []struct {
		head, method     string
		length, declared int64
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "HEAD", 0, 7},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "GET", 0, 7},
		{"HTTP/1.1 304 Not Modified\r\n\r\n", "GET", 0, -1},
		{"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "GET", 7, 7},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", "GET", 1<<63 - 1, 1<<63 - 1},
		{"HTTP/1.1 200 OK\r\n\r\n", "GET", UntilClose, -1},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", Chunked, -1},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", 0, -1},
	} {
		var r Response
		if _, err := ParseResponse(&r, []byte(c.head), c.method, ample); err != nil || r.Length != c.length || r.Declared != c.declared {
			t.Errorf("%s to %q: %d and %d, %v, want %d and %d", c.method, c.head, r.Length, r.Declared, err, c.length, c.declared)
		}
	}
}

func TestAppend_WritesWhatIsReadAgain(t *testing.T) {
	var r, again Request
	if _, err := ParseRequest(&r, []byte(browserHead), ample); err != nil {
		t.Fatal(err)
	}
	b := AppendRequestLine(nil, r.Method, r.Path, r.Query)
	b = AppendField(b, "Host", r.Host)
	b = append(AppendFields(b, r.Header), "\r\n"...)
	if _, err := ParseRequest(&again, b, ample); err != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", r) {
		t.Errorf("%v: got %+v, want %+v", err, again, r)
	}
	b = AppendStatusLine(nil, 404, "")
	b = append(AppendLength(b, 12), "\r\n"...)
	if want := "HTTP/1.1 404 \r\nContent-Length: 12\r\n\r\n"; string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
	b = append(AppendChunk(nil, 26), strings.Repeat("x", 26)+"\r\n"...)
	b = AppendLastChunk(b, header.Header{{Name: "X", Value: "1"}})
	if want := "1a\r\n" + strings.Repeat("x", 26) + "\r\n0\r\nX: 1\r\n\r\n"; string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
	if got := string(AppendStatusLine(nil, 200, "OK\r\nX: 1")); got != "HTTP/1.1 200 OK  X: 1\r\n" {
		t.Errorf("a reason began a line: %q", got)
	}
}
