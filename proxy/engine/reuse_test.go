package engine

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// lateBytes are what a target sends after a response, and could be taken for the next one.
const lateBytes = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

// Bytes after a response belong to none (RFC 9112 section 9.2), even if they arrive during the next request.
func TestReuse_TakesNoLateBytesForAResponse(t *testing.T) {
	for name, c := range map[string]struct{ method, response string }{
		"HEAD":                 {"HEAD", "200 OK\r\nContent-Length: 44\r\n\r\n"},
		"HEAD in chunks":       {"HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
		"HEAD without framing": {"HEAD", "200 OK\r\n\r\n"},
		"304":                  {"GET", "304 Not Modified\r\n\r\n"},
		"304 with a length":    {"GET", "304 Not Modified\r\nContent-Length: 44\r\n\r\n"},
		"304 in chunks":        {"GET", "304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"},
		"204":                  {"GET", "204 No Content\r\n\r\n"},
		"204 with a length":    {"DELETE", "204 No Content\r\nContent-Length: 44\r\n\r\n"},
		"a counted body":       {"GET", "200 OK\r\nContent-Length: 2\r\n\r\nok"},
		"an empty body":        {"GET", "200 OK\r\nContent-Length: 0\r\n\r\n"},
		"chunks":               {"GET", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
	} {
		for _, next := range []string{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"} {
			t.Run(name+" before "+next[:4], func(t *testing.T) {
				second, ended := make(chan struct{}), make(chan struct{})
				r, _ := before(t, Config{Timeouts: Timeouts{Quiet: time.Hour}}, func(p *peer, n int) {
					if n > 0 {
						// Only while this request is under way, bytes arrive over the first connection.
						p.head()
						close(second)
						<-ended
						p.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal")
						return
					}
					p.head()
					p.send("HTTP/1.1 %s", c.response)
					<-second
					_, _ = p.Write([]byte(lateBytes))
					close(ended)
				})
				v := dial(t, r.address)
				v.send("%s / HTTP/1.1\r\nHost: h\r\n\r\n", c.method)
				v.response(c.method)
				w := dial(t, r.address)
				w.send("%s", next)
				if resp, body := w.response(http.MethodGet); resp.StatusCode != 200 || body != "real" {
					t.Error(resp.Status, body)
				}
			})
		}
	}
}

// Connections of a target that sends nothing after its responses are reused.
func TestReuse_OfATargetThatWasSilent(t *testing.T) {
	r, p := before(t, Config{Timeouts: Timeouts{Quiet: time.Millisecond}}, named)
	v := dial(t, r.address)
	v.get("/")
	eventually(t, func() bool {
		_, one := v.get("/")
		_, two := dial(t, r.address).get("/")
		return one == two
	})
	if p.to.reuse() != reusable {
		t.Error("it is not trusted")
	}
}

// A target that ends its connections without saying so never has them reused: a POST sent just before the end arrives
// would be lost.
func TestReuse_NotOfConnectionsThatEnd(t *testing.T) {
	const pause = time.Hour
	r, p := before(t, Config{Timeouts: Timeouts{Quiet: pause}}, func(p *peer, n int) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", n)
	})
	v := dial(t, r.address)
	for n := range 3 {
		v.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
		if resp, body := v.response(http.MethodPost); resp.StatusCode != 200 || body != string(rune('0'+n)) {
			t.Errorf("request %d: %s %q", n, resp.Status, body)
		}
		eventually(t, func() bool {
			p.to.mu.Lock()
			defer p.to.mu.Unlock()
			if len(p.to.observed) == 0 || p.to.observed[0].idleInput() != inputClosed {
				return false
			}
			p.to.observed[0].since = time.Now().Add(-pause)
			return true
		})
	}
	if p.to.reuse() != unproven {
		t.Error("it is trusted")
	}
}

// A target that has sent unsolicited bytes gets a new connection for each request.
func TestReuse_NotOfATargetThatSendsUnsolicitedBytes(t *testing.T) {
	said := make(chan struct{}, 10)
	r, p := before(t, Config{}, func(p *peer, n int) {
		for p.head() != "" {
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", n)
			if n == 0 {
				p.send("%s", lateBytes)
			}
			said <- struct{}{}
		}
	})
	v := dial(t, r.address)
	for n := range 4 {
		if _, body := v.get("/"); body != string(rune('0'+n)) {
			t.Errorf("request %d got %q", n, body)
		}
		<-said
	}
	if p.to.reuse() != unusable {
		t.Error("it is trusted")
	}
}

// What arrives first over a kept connection and is no response was sent before the request.
func TestReuse_RepeatsARequestWithoutAResponse(t *testing.T) {
	const timeout = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate"
	for _, c := range []struct {
		name, ask, words string
		again            bool
	}{
		{"a body", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "<html>body</html>", true},
		{"a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", "<html>body</html>", false},
		{"half a head", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Le", false},
		{"a last chunk", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "0\r\n\r\n", true},
		{"a timeout", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", timeout, true},
		{"a timeout", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", timeout, true},
		{"a timeout of HTTP/1.0", "PATCH / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0 408 Request Time-out\r\n\r\nlate", true},
	} {
		t.Run(c.name+" before "+c.ask[:4], func(t *testing.T) {
			r, p := before(t, Config{}, func(p *peer, n int) {
				for turn := 0; p.head() != ""; turn++ {
					if strings.HasSuffix(c.ask, "ok") && (n > 0 || turn > 0) {
						p.expect("ok")
					}
					if n == 0 && turn > 0 {
						p.send("%s", c.words)
						return
					}
					p.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", n)
				}
			})
			v := dial(t, r.address)
			v.get("/")
			v.send("%s", c.ask)
			resp, body := v.response(http.MethodGet)
			if c.again && (resp.StatusCode != 200 || body != "1") || !c.again && resp.StatusCode != http.StatusBadGateway {
				t.Error(resp.Status, body)
			}
			if !c.again && !errors.Is(failure(t, p), ErrResponse) {
				t.Error("want ErrAnswer")
			}
		})
	}
}

// An app may respond with 408 itself: over a new connection that is its response.
func TestReuse_RelaysA408ThatIsTheResponse(t *testing.T) {
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		for p.head() != "" {
			p.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nmine")
		}
	})
	v := dial(t, r.address)
	for range 3 {
		if resp, body := v.get("/"); resp.StatusCode != 408 || body != "mine" {
			t.Error(resp.Status, body)
		}
	}
}

// The upload during which unsolicited bytes arrive is lost, and those after it are not.
func TestReuse_NotAfterUnsolicitedBytesDuringAnUpload(t *testing.T) {
	const ask = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n"
	body := strings.Repeat("x", 5000)
	r, p := before(t, Config{}, func(p *peer, _ int) {
		for asked := 0; p.head() != ""; asked++ {
			p.expect(body)
			if asked > 0 {
				p.send("bytes of nobody")
			}
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	for i, want := range []int{200, 502, 200, 200} {
		v := dial(t, r.address)
		v.send("%s%s", ask, body)
		if resp, got := v.response(http.MethodPut); resp.StatusCode != want {
			t.Errorf("upload %d: %s %q, want %d", i, resp.Status, got, want)
		}
		if i == 0 {
			eventually(t, func() bool { return kept(p.to) == 1 })
		}
	}
}
