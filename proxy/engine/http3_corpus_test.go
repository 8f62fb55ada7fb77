package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/http1"
	"gateway/proxy/http1/http1test"
)

// A client of HTTP/3 gets what one of HTTP/1.1 gets, and nothing that could be taken for a response where it is refused.
func TestHTTP3_FollowsTheCorpusOfResponses(t *testing.T) {
	responses := http1test.Responses(t)
	p := &carrier{hooks: none{}}
	address := responsesOf(t, responses).Addr().String()
	m := servingPackets(t, Config{Handler: p}, func(e *Engine) { p.to = e.Upstream(HTTP, address) })
	for i, c := range responses {
		if c.Upgrade != "" {
			continue // There is no such field in HTTP/3.
		}
		t.Run(c.File+"/"+c.Name, func(t *testing.T) {
			method := c.To
			if method == "" {
				method = "GET"
			}
			resp, err := m.client.Do(request(t, method, m.url(fmt.Sprint("/", i)), nil))
			var body []byte
			if err == nil {
				body, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			status, _, _ := strings.Cut(c.Line, " ")
			switch {
			case c.InBody:
				if err == nil && resp.StatusCode != http.StatusBadGateway {
					t.Errorf("a truncated response arrived as a complete one: %d %q", resp.StatusCode, body)
				}
			case c.Status != 0:
				if err != nil || resp.StatusCode != http.StatusBadGateway {
					t.Errorf("%v, %v, want 502", resp, err)
				}
			case err != nil:
				t.Errorf("no response: %v", err)
			case status >= "200" && fmt.Sprint(resp.StatusCode) != status:
				t.Errorf("%d, want %s", resp.StatusCode, status)
			case status >= "200" && resp.StatusCode == 200 && string(body) != c.Body:
				t.Errorf("body %.200q, want %.200q", body, c.Body)
			}
		})
	}
}

// Whatever a client sends, the target gets one request at most, with the fields that the parser has seen.
func FuzzHTTP3Head(f *testing.F) {
	for _, fields := range [][]string{
		plainGet, with3("x-a", "b\r\nx: y"), with3("cookie", "a", "cookie", "b"), put3(":path", "/ HTTP/1.1\r\n\r\n"),
		{":method", "CONNECT", ":authority", "h:1"},
		append([]string{":protocol", "websocket"}, put3(":method", "CONNECT")...),
	} {
		f.Add(section(fields...))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		var head http3Head
		refusal, err := head.read(block, nil, nil, http1.Limits{Bytes: 4 << 10, Fields: 16})
		if broken, ok := errors.AsType[*http3Error](err); err != nil && (!ok || refusal != nil) {
			t.Fatal(broken, err, refusal)
		}
		if refusal != nil || err != nil {
			return
		}
		if lines := bytes.Count(head.text, []byte("\n")); lines > 16+5 || !bytes.HasSuffix(head.text, []byte("\r\n\r\n")) || bytes.Count(head.text, []byte("\r\n\r\n")) != 1 {
			t.Errorf("the head is %q", head.text)
		}
	})
}

// Whatever a client sends on a stream, its frames are read to an end.
func FuzzHTTP3Frames(f *testing.F) {
	for _, b := range []string{"", "\x00\x00", "\x00\x05hello", "\x21\x03abc\x01\x02xy", "\x01\x40", "\x00\xff", "\x08\x00"} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		var r http3Reader
		r.reset(trickle{bytes.NewReader(b)})
		for {
			kind, length, err := r.next()
			if err != nil {
				return
			}
			if kind != http3Data {
				if r.skip(length) != nil {
					return
				}
				continue
			}
			for r.left = length; r.left > 0; {
				if _, err := r.read(make([]byte, 3)); err != nil {
					return
				}
			}
		}
	})
}

// trickle returns one byte at a time.
type trickle struct{ io.Reader }

// Read implements io.Reader.
func (r trickle) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 1)]) }
