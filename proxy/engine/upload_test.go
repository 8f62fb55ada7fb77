package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// The rest of a truncated body is never taken for that of another request.
func TestUpload_ForgetsTruncatedBodies(t *testing.T) {
	r, p := before(t, Config{}, func(p *peer, _ int) {
		for h := p.head(); h != ""; h = p.head() {
			switch {
			case strings.HasPrefix(h, "POST /broken "):
				p.expect("5\r\nfirst\r\n")
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
				return
			case strings.HasPrefix(h, "POST /whole "):
				p.expect("4\r\nmine\r\n0\r\n\r\n")
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}
	})
	for range 20 {
		c := dial(t, r.address)
		c.send("POST /broken HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n5\r\nsec")
		_, _ = c.rest()
		_ = failure(t, p)
		c = dial(t, r.address)
		c.send("POST /whole HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n")
		c.send("0\r\n\r\n")
		if resp, body := c.response("POST"); resp.StatusCode != 200 {
			t.Fatal(resp.Status, body)
		}
	}
}

// A target may respond before it has read the body, and read no more of it.
func TestUpload_RelaysEarlyResponses(t *testing.T) {
	for _, kind := range []struct{ name, head, body string }{
		{"counted", "Content-Length: 10000000\r\n", strings.Repeat("x", 1<<20)},
		{"chunked", "Transfer-Encoding: chunked\r\n", strings.Repeat("4000\r\n"+strings.Repeat("x", 0x4000)+"\r\n", 64)},
	} {
		for _, ends := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/ends=%v", kind.name, ends), func(t *testing.T) {
				release := make(chan struct{})
				r, _ := before(t, Config{}, func(p *peer, _ int) {
					p.head()
					p.send("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch")
					if !ends {
						<-release
					}
				})
				defer close(release)
				c := dial(t, r.address)
				c.send("POST / HTTP/1.1\r\nHost: h\r\n%s\r\n", kind.head)
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					_, _ = io.WriteString(c, kind.body)
				}()
				resp, body := c.response("POST")
				if resp.StatusCode != 413 || body != "much" || !resp.Close {
					t.Errorf("%s %q, close %v", resp.Status, body, resp.Close)
				}
				<-sent
				if rest, _ := c.rest(); rest != "" {
					t.Errorf("%q follows", rest)
				}
			})
		}
	}
}

// The same, and the client has stopped sending.
func TestUpload_RelaysEarlyResponsesToClientsThatWait(t *testing.T) {
	for _, sent := range []int{0, 1, 100 << 10} {
		t.Run(strconv.Itoa(sent), func(t *testing.T) {
			r, p := before(t, Config{}, func(p *peer, _ int) {
				for p.head() != "" {
					_, _ = io.CopyN(io.Discard, p.in, int64(sent))
					p.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
				}
			})
			c := dial(t, r.address)
			c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n%s", strings.Repeat("x", sent))
			resp, body := c.response("POST")
			if resp.StatusCode != 403 || body != "no" || !resp.Close {
				t.Errorf("%s %q, close %v", resp.Status, body, resp.Close)
			}
			if rest, err := c.rest(); rest != "" || err != nil {
				t.Errorf("%q follows, %v", rest, err)
			}
			if len(p.fails) > 0 {
				t.Error(<-p.fails)
			}
		})
	}
}

// A chunked body is chunked again, without the client's extensions and without fields that are not trailers.
func TestUpload_WritesItsOwnChunks(t *testing.T) {
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		p.expect("POST /x?y HTTP/1.1\r\nHost: h\r\nX-A: b\r\nTransfer-Encoding: chunked\r\nConnection: TE\r\nTE: trailers\r\n\r\n")
		p.expect("5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 7\r\n\r\n")
		p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n01\r\n!\r\n0\r\nX-Sum: 8\r\nContent-Length: 9\r\n\r\n")
	})
	c := dial(t, r.address)
	c.send("POST /x?y HTTP/1.1\r\nHost: h\r\nX-A: b\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"05;ext=\"v\"\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 7\r\nHost: evil\r\nTransfer-Encoding: chunked\r\n\r\n")
	if h := c.head(); !strings.Contains(h, "\r\nTransfer-Encoding: chunked\r\n") {
		t.Errorf("%q", h)
	}
	c.expect("5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 8\r\n\r\n")
}

func TestUpload_EndsWithClientsThatAbort(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		want       error
	}{
		{"counted", "Content-Length: 9\r\n\r\npart", ErrDisconnected},
		{"counted and large", "Content-Length: 900000\r\n\r\n" + pattern(200000), ErrDisconnected},
		{"chunked", "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", ErrDisconnected},
		{"malformed", "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\nx\r\n", ErrRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := make(chan string, 1)
			r, p := before(t, Config{}, func(p *peer, _ int) {
				p.head()
				rest, _ := p.rest()
				got <- rest
			})
			v := dial(t, r.address)
			v.send("POST / HTTP/1.1\r\nHost: h\r\n%s", c.sent)
			_ = v.CloseWrite()
			if err := failure(t, p); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if rest := <-got; strings.HasSuffix(rest, "0\r\n\r\n") {
				t.Errorf("the target got %q", rest)
			}
			_, _ = v.rest()
		})
	}
}

func TestUpload_EndsWithTargetsThatDoNotRead(t *testing.T) {
	for _, head := range []string{"Content-Length: 1000000000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\n"} {
		for begin, want := range map[string]error{
			"": ErrTimeout,
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n": ErrBroken,
		} {
			t.Run(head[:1]+begin, func(t *testing.T) { endsWithoutTaker(t, head, begin, want) })
		}
	}
}

// endsWithoutTaker sends a body to a target that has begun its response and does not read.
func endsWithoutTaker(t *testing.T, head, begin string, want error) {
	release := make(chan struct{})
	r, p := before(t, Config{Timeouts: Timeouts{Response: soon}}, func(p *peer, _ int) {
		p.head()
		p.send("%s", begin)
		<-release
	})
	defer close(release)
	v := dial(t, r.address)
	v.send("POST / HTTP/1.1\r\nHost: h\r\n%s", head)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.Copy(v, zeros{})
	}()
	if err := failure(t, p); !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
	<-sent
}

func TestUpload_WaitsForContinue(t *testing.T) {
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		for h := p.head(); h != ""; h = p.head() {
			if !strings.Contains(h, "\r\nExpect: 100-continue\r\n") {
				t.Errorf("%q", h)
			}
			if strings.HasPrefix(h, "POST /no ") {
				p.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
				_, _ = p.rest()
				return
			}
			p.send("HTTP/1.1 100 Continue\r\n\r\n")
			p.expect("body")
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	c := dial(t, r.address)
	for range 2 {
		c.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
		c.expect("HTTP/1.1 100 Continue\r\n\r\n")
		c.send("body")
		if resp, body := c.response("POST"); body != "ok" || resp.Close {
			t.Error(resp.Status, body, resp.Close)
		}
	}
	// The client may or may not send the body after that, so the connection cannot continue.
	c.send("POST /no HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
	if resp, body := c.response("POST"); resp.StatusCode != 417 || body != "no" || !resp.Close {
		t.Error(resp.Status, body, resp.Close)
	}
	if rest, err := c.rest(); rest != "" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// A client may send its body before 100 Continue (RFC 9110 section 10.1.1), and a target may send none.
func TestUpload_NeedsNoContinue(t *testing.T) {
	for _, interim := range []string{"", "HTTP/1.1 100 Continue\r\n\r\n"} {
		r, _ := before(t, Config{}, func(p *peer, _ int) {
			p.head()
			p.send("%s", interim)
			p.expect("body")
			p.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
		})
		for _, body := range []string{"body", "body" + "GET /next HTTP/1.1\r\n"} {
			c := dial(t, r.address)
			c.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n%s", body)
			resp, got := c.response("POST")
			if resp.StatusCode == http.StatusContinue {
				resp, got = c.response("POST")
			}
			if resp.StatusCode != http.StatusOK || got != "ok" {
				t.Error(resp.Status, got)
			}
		}
	}
}

// An app may respond 411 to a POST that does not say that its body is empty (RFC 9110 section 8.6).
func TestUpload_SendsTheLengthOfAnEmptyBody(t *testing.T) {
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		for h := p.head(); h != ""; h = p.head() {
			if !strings.Contains(h, "\r\nContent-Length: 0\r\n") {
				t.Errorf("the target received %q", h)
			}
			p.send("HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	c := dial(t, r.address)
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		c.send("%s / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", method)
		c.response(method)
	}
}

// refusing responds without a target.
type refusing struct{ carrier }

func (refusing) Serve(x *Exchange) { _ = x.Reply(403, nil, []byte("no")) }

// A gateway that responds itself does not read the body, and what arrives of it is no other request.
func TestUpload_IsNotReadForAReply(t *testing.T) {
	r := serving(t, Config{Handler: &refusing{}})
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	for name, ask := range map[string]string{
		"whole":                 "Content-Length: 35\r\n\r\n" + smuggled,
		"in parts":              "Content-Length: 100000\r\n\r\n" + smuggled,
		"chunked":               "Transfer-Encoding: chunked\r\n\r\n23\r\n" + smuggled + "\r\n0\r\n\r\n",
		"that may not be sent":  "Expect: 100-continue\r\nContent-Length: 35\r\n\r\n",
		"that is sent the same": "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n" + smuggled,
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, r.address)
			c.send("POST / HTTP/1.1\r\nHost: h\r\n%s", ask)
			resp, body := c.response("POST")
			if resp.StatusCode != 403 || body != "no" || resp.Close != (name != "whole") {
				t.Error(resp.Status, body, resp.Close)
			}
			if !resp.Close {
				_ = c.CloseWrite()
			}
			if rest, err := c.rest(); rest != "" || err != nil {
				t.Errorf("%q follows, %v", rest, err)
			}
		})
	}
}

// modest replies with a status that has no body.
type modest struct{ carrier }

func (modest) Serve(x *Exchange) { _ = x.Reply(http.StatusNotModified, nil, nil) }

// The Content-Length of a response without a body would be that of another one (RFC 9110 section 8.6).
func TestReply_SendsNoLengthWithoutABody(t *testing.T) {
	c := dial(t, serving(t, Config{Handler: &modest{}}).address)
	for range 2 {
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 304 ") || strings.Contains(h, "Length") {
			t.Errorf("%q", h)
		}
	}
}
