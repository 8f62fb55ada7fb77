package engine

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// aged speaks HTTP/1.0: it reads a body only by its Content-Length, and ends each connection.
func aged(t *testing.T) (running, *carrier, chan string) {
	t.Helper()
	heads := make(chan string, 10)
	r, p := before(t, Config{}, func(p *peer, _ int) {
		h := p.head()
		heads <- h
		length := 0
		if _, after, found := strings.Cut(h, "Content-Length: "); found {
			_, _ = fmt.Sscan(after, &length)
		}
		body := make([]byte, length)
		for got := 0; got < length; {
			n, err := p.in.Read(body[got:])
			if got += n; err != nil {
				return
			}
		}
		p.send("HTTP/1.0 200 OK\r\n\r\nstored %d", length)
		_ = p.CloseWrite()
		_, _ = p.rest()
	})
	return r, p, heads
}

// A target known to speak HTTP/1.0 gets no chunks (RFC 9112 section 6.1), and nothing else that HTTP/1.0 does not have.
func TestBuffer_GivesATargetOfHTTP10ALength(t *testing.T) {
	r, _, heads := aged(t)
	dial(t, r.address).get("/")
	<-heads
	for name, c := range map[string]struct {
		head, body string
		want       int
	}{
		"chunks":      {"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", 5},
		"none":        {"Transfer-Encoding: chunked\r\n", "0\r\n\r\n", 0},
		"many chunks": {"Transfer-Encoding: chunked\r\n", strings.Repeat("2710\r\n"+strings.Repeat("x", 10000)+"\r\n", 50) + "0\r\n\r\n", 500000},
		"a length":    {"Content-Length: 100000\r\n", strings.Repeat("x", 100000), 100000},
		"trailers":    {"TE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", 5},
	} {
		t.Run(name, func(t *testing.T) {
			v := dial(t, r.address)
			v.send("PUT / HTTP/1.1\r\nHost: h\r\n%s\r\n%s", c.head, c.body)
			if resp, body := v.response(http.MethodPut); resp.StatusCode != 200 || body != fmt.Sprint("stored ", c.want) {
				t.Error(resp.Status, body)
			}
			if h := <-heads; strings.Contains(h, "Transfer-Encoding") || strings.Contains(h, "TE: ") {
				t.Errorf("it was sent %q", h)
			}
		})
	}
	t.Run("over HTTP/2", func(t *testing.T) {
		p := &carrier{hooks: none{}}
		m := servingTLS(t, Config{Handler: p})
		p.to = m.Upstream(HTTP, acting(t, func(p *peer, _ int) {
			h := p.head()
			if strings.Contains(h, "Content-Length: 5\r\n") {
				p.expect("hello")
			} else if strings.HasPrefix(h, "PUT") {
				t.Errorf("%q", h)
			}
			p.send("HTTP/1.0 200 OK\r\n\r\nok")
		}))
		m.do(t, request(t, http.MethodGet, m.url("/"), nil))
		if resp, body := m.do(t, request(t, http.MethodPut, m.url("/"), struct{ *strings.Reader }{strings.NewReader("hello")})); resp.StatusCode != 200 || body != "ok" {
			t.Error(resp.Status, body)
		}
	})
}

// A client that waits for 100 Continue would wait forever: HTTP/1.0 does not have it (RFC 9110 section 10.1.1).
func TestBuffer_SendsContinueToTheClient(t *testing.T) {
	r, _, heads := aged(t)
	dial(t, r.address).get("/")
	<-heads
	for _, c := range []struct{ head, body string }{
		{"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"}, {"Content-Length: 5\r\n", "hello"},
	} {
		v := dial(t, r.address)
		v.send("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n%s\r\n", c.head)
		v.expect("HTTP/1.1 100 Continue\r\n\r\n")
		v.send("%s", c.body)
		if resp, body := v.response(http.MethodPut); resp.StatusCode != 200 || body != "stored 5" {
			t.Error(resp.Status, body)
		}
		if h := <-heads; strings.Contains(h, "Expect") {
			t.Errorf("it was sent %q", h)
		}
	}
}

// A body too long to be buffered is refused with a hint what to do.
func TestBuffer_RefusesLongBodies(t *testing.T) {
	r, p, _ := aged(t)
	dial(t, r.address).get("/")
	v := dial(t, r.address)
	go func() {
		_, _ = fmt.Fprintf(v, "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 3 {
			_, _ = fmt.Fprintf(v, "100000\r\n%s\r\n", strings.Repeat("x", 1<<20))
		}
		_, _ = fmt.Fprint(v, "0\r\n\r\n")
	}()
	if resp, _ := v.response(http.MethodPut); !resp.Close {
		t.Error(resp.Status)
	}
	if err := failure(t, p); !errors.Is(err, ErrLength) {
		t.Errorf("%v, want ErrLength", err)
	}
	if n := r.bodyMemory.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

// If only the response shows the version, success cannot be trusted: the target has not read the chunks.
func TestBuffer_TrustsNoSuccessAfterChunks(t *testing.T) {
	r, p, heads := aged(t)
	put := func() (*http.Response, string) {
		v := dial(t, r.address)
		v.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		v.send("0\r\n\r\n")
		return v.response(http.MethodPut)
	}
	if resp, body := put(); resp.StatusCode != http.StatusBadGateway {
		t.Error(resp.Status, body)
	}
	if err := failure(t, p); !errors.Is(err, ErrLength) {
		t.Errorf("%v, want ErrLength", err)
	}
	<-heads
	if resp, body := put(); resp.StatusCode != 200 || body != "stored 5" {
		t.Error(resp.Status, body)
	}
}

// The last response of a target counts: it may have been replaced.
func TestBuffer_FollowsTheVersionOfTheTarget(t *testing.T) {
	heads := make(chan string, 10)
	r, _ := before(t, Config{}, func(p *peer, n int) {
		h := p.head()
		heads <- h
		switch {
		case strings.Contains(h, "chunked"):
			p.expect("5\r\nhello\r\n0\r\n\r\n")
		case strings.HasPrefix(h, "PUT"):
			p.expect("hello")
		}
		p.send("HTTP/1.%d 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", min(n, 1))
	})
	v := dial(t, r.address)
	v.get("/")
	<-heads
	for _, want := range []string{"Content-Length: 5", "Transfer-Encoding: chunked"} {
		v.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
		v.response(http.MethodPut)
		if h := <-heads; !strings.Contains(h, want) {
			t.Errorf("%q has no %s", h, want)
		}
	}
}

// A buffered body counts until its exchange ends.
func TestBuffer_KeepsMemoryUntilTheEnd(t *testing.T) {
	const size = 100_000
	stored, response := make(chan struct{}), make(chan struct{})
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		if strings.HasPrefix(p.head(), "PUT") {
			p.expect(strings.Repeat("x", size))
			close(stored)
			<-response
		}
		p.send("HTTP/1.0 200 OK\r\n\r\nok")
	})
	dial(t, r.address).get("/")
	v := dial(t, r.address)
	v.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, strings.Repeat("x", size))
	closed(t, "it has the body", stored)
	if n := r.bodyMemory.Load(); n < size {
		t.Errorf("%d bytes are counted, %d are held", n, size)
	}
	close(response)
	if resp, body := v.response(http.MethodPut); resp.StatusCode != 200 || body != "ok" {
		t.Error(resp.Status, body)
	}
	eventually(t, func() bool { return r.bodyMemory.Load() == 0 })
}
