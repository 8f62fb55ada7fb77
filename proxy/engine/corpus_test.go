package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/http1/http1test"
)

// recorder is a target that parses strictly, and responds to each complete message.
type recorder struct {
	net.Listener
	// got are the messages, broken the errors of connections that ended within one.
	got    chan http1test.Message
	broken chan error
}

func record(t *testing.T) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{l, make(chan http1test.Message, 10), make(chan error, 1000)}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.read(conn)
		}
	}()
	return r
}

func (r *recorder) read(conn net.Conn) {
	defer conn.Close()
	var buf []byte
	more := func() bool {
		piece := make([]byte, 64<<10)
		n, err := conn.Read(piece)
		buf = append(buf, piece[:n]...)
		return err == nil
	}
	for {
		m, n, err := readMessage(buf)
		switch {
		case err == nil:
			buf = buf[n:]
			r.got <- m
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		case !errors.Is(err, http1.ErrIncomplete) || !more():
			if len(buf) > 0 {
				r.broken <- err
			}
			return
		}
	}
}

// readMessage reads one whole request.
func readMessage(buf []byte) (m http1test.Message, n int, err error) {
	var q http1.Request
	n, err = http1.ParseRequest(&q, buf, http1.Limits{Bytes: 128 << 10, Fields: 1000})
	if err != nil {
		return m, 0, err
	}
	m = http1test.Message{Line: strings.Clone(q.Method + " " + q.Path + q.Query), Host: strings.Clone(q.Host), Upgrade: strings.Clone(q.Upgrade)}
	m.Fields = fieldLines(q.Header)
	if q.Length >= 0 {
		if int64(len(buf)-n) < q.Length {
			return m, 0, http1.ErrIncomplete
		}
		m.Body = string(buf[n : n+int(q.Length)])
		return m, n + int(q.Length), nil
	}
	var d http1.Decoder
	for {
		piece, used, done, err := d.Next(buf[n:])
		n += used
		m.Body += string(piece)
		if done {
			m.Trailers = fieldLines(d.Trailers)
			return m, n, nil
		}
		if err != nil {
			return m, 0, err
		}
	}
}

func fieldLines(h header.Header) []string {
	var lines []string
	for _, f := range h {
		lines = append(lines, f.Name+": "+f.Value)
	}
	return lines
}

// exchange sends raw bytes in two pieces, and reads one response to a request of that method.
func exchange(t *testing.T, address, raw, method string) (*http.Response, string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	for _, piece := range []string{raw[:len(raw)/2], raw[len(raw)/2:]} {
		// A gateway that has read enough may refuse the rest; check only its response.
		_, _ = io.WriteString(conn, piece)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// A target gets exactly what a strict parser sees in the request, and nothing of a refused one.
func TestEngine_FollowsTheCorpusOfRequests(t *testing.T) {
	for _, c := range http1test.Requests(t) {
		if strings.HasPrefix(c.Raw, preface) {
			continue // Here it begins a connection of HTTP/2.
		}
		t.Run(c.File+"/"+c.Name, func(t *testing.T) {
			// Each case has its own target, since pipelined requests may arrive late.
			target := record(t)
			p := &carrier{hooks: none{}}
			r := serving(t, Config{Handler: p})
			p.to = r.Upstream(HTTP, target.Addr().String())
			method, _, _ := strings.Cut(c.Line, " ")
			resp, _, err := exchange(t, r.address, c.Raw, method)
			if err != nil {
				t.Fatalf("no response: %v", err)
			}
			want := 200
			if c.Status != 0 {
				want = c.Status
			}
			if c.InBody {
				want = http.StatusBadGateway // The carrier's status for any error.
			}
			if resp.StatusCode != want {
				t.Errorf("%d, want %d", resp.StatusCode, want)
			}
			var got http1test.Message
			select {
			case got = <-target.got:
			default:
			}
			if c.Status != 0 {
				c.Message = http1test.Message{}
			}
			compare(t, got, c.Message)
		})
	}
}

func compare(t *testing.T, got, want http1test.Message) {
	t.Helper()
	for what, pair := range map[string][2]string{
		"line": {got.Line, want.Line}, "host": {got.Host, want.Host}, "body": {got.Body, want.Body}, "upgrade": {got.Upgrade, want.Upgrade},
		"fields":   {strings.Join(got.Fields, "\n"), strings.Join(want.Fields, "\n")},
		"trailers": {strings.Join(got.Trailers, "\n"), strings.Join(want.Trailers, "\n")},
	} {
		if pair[0] != pair[1] && !(what == "host" && pair[1] == "") {
			t.Errorf("the target got %s %.200q, want %.200q", what, pair[0], pair[1])
		}
	}
}

// responsesOf is a target that gives each client the response that its path names.
func responsesOf(t *testing.T, responses []http1test.Case) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				var i int
				if _, err := fmt.Sscanf(r.URL.Path, "/%d", &i); err == nil {
					_, _ = io.WriteString(conn, responses[i].Raw)
				}
			}()
		}
	}()
	return l
}

// A client gets what a strict parser sees in the response, and nothing that could be taken for one where it is refused.
func TestEngine_FollowsTheCorpusOfResponses(t *testing.T) {
	responses := http1test.Responses(t)
	p := &carrier{hooks: none{}}
	r := serving(t, Config{Handler: p})
	p.to = r.Upstream(HTTP, responsesOf(t, responses).Addr().String())
	for i, c := range responses {
		t.Run(c.File+"/"+c.Name, func(t *testing.T) {
			method := c.To
			if method == "" {
				method = "GET"
			}
			upgrade := ""
			if c.Upgrade != "" {
				upgrade = "Connection: Upgrade\r\nUpgrade: " + c.Upgrade + "\r\n"
			}
			resp, body, err := exchange(t, r.address, fmt.Sprintf("%s /%d HTTP/1.1\r\nHost: h\r\n%s\r\n", method, i, upgrade), method)
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
			case status >= "200" && resp.StatusCode == 200 && body != c.Body:
				t.Errorf("body %.200q, want %.200q", body, c.Body)
			case status >= "200":
				wantFields(t, resp.Header, c.Fields)
			}
		})
	}
}

func wantFields(t *testing.T, h http.Header, want []string) {
	t.Helper()
	for _, field := range want {
		name, value, _ := strings.Cut(field, ": ")
		if !slices.Contains(h.Values(name), strings.TrimSpace(value)) {
			t.Errorf("%q is not among %q", field, h)
		}
	}
}
