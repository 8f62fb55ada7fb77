package engine

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
)

// What is left of a body that broke off is never taken for the body of another request.
func TestUpload_ForgetsBodiesThatBrokeOff(t *testing.T) {
	r, p := before(t, Config{}, func(p *peer, _ int) {
		for h := p.head(); h != ""; h = p.head() {
			switch {
			case strings.HasPrefix(h, "POST /broken "):
				p.hear("5\r\nfirst\r\n")
				p.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
				return
			case strings.HasPrefix(h, "POST /whole "):
				p.hear("4\r\nmine\r\n0\r\n\r\n")
				p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}
	})
	for range 20 {
		c := dial(t, r.address)
		c.say("POST /broken HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n5\r\nsec")
		_, _ = c.rest()
		_ = failure(t, p)
		c = dial(t, r.address)
		c.say("POST /whole HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n")
		c.say("0\r\n\r\n")
		if resp, body := c.answer("POST"); resp.StatusCode != 200 {
			t.Fatal(resp.Status, body)
		}
	}
}

// A target may answer before it has read the body, and read no more of it.
func TestUpload_PassesEarlyAnswers(t *testing.T) {
	for _, kind := range []struct{ name, head, body string }{
		{"counted", "Content-Length: 10000000\r\n", strings.Repeat("x", 1<<20)},
		{"chunked", "Transfer-Encoding: chunked\r\n", strings.Repeat("4000\r\n"+strings.Repeat("x", 0x4000)+"\r\n", 64)},
	} {
		for _, ends := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/ends=%v", kind.name, ends), func(t *testing.T) {
				release := make(chan struct{})
				r, _ := before(t, Config{}, func(p *peer, _ int) {
					p.head()
					p.say("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch")
					if !ends {
						<-release
					}
				})
				defer close(release)
				c := dial(t, r.address)
				c.say("POST / HTTP/1.1\r\nHost: h\r\n%s\r\n", kind.head)
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					_, _ = io.WriteString(c, kind.body)
				}()
				resp, body := c.answer("POST")
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

// The same, and the visitor has stopped to send.
func TestUpload_PassesEarlyAnswersToVisitorsWhoWait(t *testing.T) {
	for _, sent := range []int{0, 1, 100 << 10} {
		t.Run(strconv.Itoa(sent), func(t *testing.T) {
			r, p := before(t, Config{}, func(p *peer, _ int) {
				for p.head() != "" {
					_, _ = io.CopyN(io.Discard, p.in, int64(sent))
					p.say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
				}
			})
			c := dial(t, r.address)
			c.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n%s", strings.Repeat("x", sent))
			resp, body := c.answer("POST")
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
