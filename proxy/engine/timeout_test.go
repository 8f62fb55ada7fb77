package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// soon is the timeout that a test waits for.
const soon = 60 * time.Millisecond

// silent is a target that reads and sends nothing.
func silent(p *peer, _ int) { _, _ = io.Copy(io.Discard, p.in) }

// drip sends the text a byte at a time, until it cannot; each is on its way before the next.
func drip(c *peer, text string) {
	ticker := time.NewTicker(soon / 10)
	defer ticker.Stop()
	for i := range len(text) {
		if _, err := c.Write([]byte{text[i]}); err != nil {
			return
		}
		<-ticker.C
	}
}

func TestTimeout_OfHeads(t *testing.T) {
	r, _ := before(t, Config{Timeouts: Timeouts{Head: soon}}, silent)
	t.Run("that stop", func(t *testing.T) {
		c := dial(t, r.address)
		c.send("GET / HTTP/1.1\r\nHo")
		_, _ = c.rest()
	})
	t.Run("that come byte by byte", func(t *testing.T) {
		c := dial(t, r.address)
		go drip(c, "GET / HTTP/1.1\r\nX-Long: "+strings.Repeat("x", 10000))
		_, _ = c.rest()
	})
	t.Run("that come line by line", func(t *testing.T) {
		c := dial(t, r.address)
		go drip(c, "GET / HTTP/1.1\r\n"+strings.Repeat("a:b\r\n", 1000))
		_, _ = c.rest()
	})
	t.Run("behind a request", func(t *testing.T) {
		r, _ := before(t, Config{Timeouts: Timeouts{Head: soon}}, func(p *peer, _ int) {
			p.head()
			p.send("HTTP/1.1 204 No Content\r\n\r\n")
			silent(p, 0)
		})
		c := dial(t, r.address)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /2")
		c.response(http.MethodGet)
		_, _ = c.rest()
	})
}

func TestTimeout_OfHandshakes(t *testing.T) {
	m := servingTLS(t, Config{Handler: &carrier{hooks: none{}}, Timeouts: Timeouts{Head: soon}})
	c := dial(t, m.address)
	go drip(c, "\x16\x03\x01\x02\x00"+strings.Repeat("\x01", 1000))
	_, _ = c.rest()
	// The same applies to the first head after the handshake.
	secure := tls.Client(dial(t, m.address), &tls.Config{InsecureSkipVerify: true})
	_, _ = io.WriteString(secure, "GET / HT")
	if _, err := io.ReadAll(secure); errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestTimeout_OfIdleConnections(t *testing.T) {
	r, _ := before(t, Config{Timeouts: Timeouts{Idle: soon}}, func(p *peer, _ int) {
		for p.head() != "" {
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	fresh := dial(t, r.address)
	if rest, err := fresh.rest(); rest != "" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	used := dial(t, r.address)
	used.get("/")
	if rest, err := used.rest(); rest != "" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// A client that pauses within a body ends its exchange, and the target does not get a request that looks complete.
func TestTimeout_OfBodies(t *testing.T) {
	for _, body := range []string{
		"Content-Length: 9\r\n\r\npart", "Content-Length: 1000000\r\n\r\npart",
		"Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", "Transfer-Encoding: chunked\r\n\r\n9\r\npart",
	} {
		t.Run("", func(t *testing.T) {
			got := make(chan string, 1)
			r, p := before(t, Config{Timeouts: Timeouts{Body: soon}}, func(p *peer, _ int) {
				p.head()
				rest, _ := p.rest()
				got <- rest
			})
			c := dial(t, r.address)
			c.send("POST / HTTP/1.1\r\nHost: h\r\n%s", body)
			if err := failure(t, p); !errors.Is(err, ErrDisconnected) {
				t.Errorf("%v, want ErrGone", err)
			}
			if rest := <-got; strings.HasSuffix(rest, "0\r\n\r\n") {
				t.Errorf("the target got %q", rest)
			}
			_, _ = c.rest()
		})
	}
}

func TestTimeout_OfClientsThatDoNotRead(t *testing.T) {
	for _, head := range []string{"Content-Length: 1000000000000", "Transfer-Encoding: chunked", "Connection: close"} {
		t.Run(head, func(t *testing.T) {
			r, p := before(t, Config{Timeouts: Timeouts{Write: soon}}, func(p *peer, _ int) {
				p.head()
				p.send("HTTP/1.1 200 OK\r\n%s\r\n\r\n", head)
				if strings.HasPrefix(head, "T") {
					p.send("ffffffffffff\r\n")
				}
				_, _ = io.Copy(p, zeros{})
			})
			c := dial(t, r.address)
			c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			if err := failure(t, p); !errors.Is(err, ErrDisconnected) {
				t.Errorf("%v, want ErrGone", err)
			}
			if _, err := c.rest(); err == nil {
				t.Error("the response looks whole")
			}
		})
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestTimeout_OfConnecting(t *testing.T) {
	// A TLS handshake that does not complete; on loopback there are no connections that are not accepted.
	address := acting(t, silent)
	p := &carrier{hooks: none{}, fails: make(chan error, 1)}
	r := serving(t, Config{Handler: p, Timeouts: Timeouts{Connect: soon}})
	p.to = r.Upstream(HTTPS, address)
	c := dial(t, r.address)
	if resp, _ := c.get("/"); resp.StatusCode != http.StatusBadGateway {
		t.Error(resp.Status)
	}
	if err := failure(t, p); !errors.Is(err, ErrConnect) || !errors.Is(err, ErrTimeout) {
		t.Errorf("%v, want ErrConnect and ErrTimeout", err)
	}
}

func TestTimeout_OfResponses(t *testing.T) {
	for name, ask := range map[string]string{
		"to a request without a body": "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"to one with a small body":    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
		"to one with a chunked body":  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
		"to one with a large body":    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("x", 200000),
	} {
		t.Run(name, func(t *testing.T) {
			for _, begin := range []string{"", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 103 Early Hints\r\n\r\n"} {
				r, p := before(t, Config{Timeouts: Timeouts{Response: soon}}, func(p *peer, _ int) {
					p.send("%s", p.head()[:0]+begin)
					silent(p, 0)
				})
				c := dial(t, r.address)
				c.send("%s", ask)
				if resp, body := c.response(http.MethodGet); resp.StatusCode != http.StatusBadGateway && resp.StatusCode != 103 {
					t.Error(resp.Status, body)
				}
				if err := failure(t, p); !errors.Is(err, ErrTimeout) {
					t.Errorf("%v, want ErrTimeout", err)
				}
			}
		})
	}
}

// The timeout of a response ends once it has begun, however late the request ends.
func TestTimeout_OfResponsesDoesNotEndOnesThatPause(t *testing.T) {
	go1 := make(chan struct{})
	r, p := before(t, Config{Timeouts: Timeouts{Response: soon}}, func(p *peer, n int) {
		p.head()
		if n > 0 {
			silent(p, 0)
			return
		}
		p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n")
		p.expect("4\r\nbody\r\n0\r\n\r\n")
		<-go1
		p.send("0\r\n\r\n")
	})
	c := dial(t, r.address)
	c.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
	c.head()
	c.expect("4\r\nfour\r\n")
	c.send("4\r\nbody\r\n0\r\n\r\n")
	// Two others time out meanwhile, one after the other.
	for range 2 {
		other := dial(t, r.address)
		other.get("/")
		if err := failure(t, p); !errors.Is(err, ErrTimeout) {
			t.Errorf("%v, want ErrTimeout", err)
		}
	}
	close(go1)
	c.expect("0\r\n\r\n")
}

// The body timeout limits the client, and does not run while the target is slow.
func TestTimeout_OfBodiesDoesNotEndResponsesToThem(t *testing.T) {
	body := strings.Repeat("x", 64<<10)
	for name, framed := range map[string]string{
		"counted": "Content-Length: 65536\r\n\r\n" + body,
		"chunked": "Transfer-Encoding: chunked\r\n\r\n10000\r\n" + body + "\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			asked, go1 := make(chan struct{}), make(chan struct{})
			r, p := before(t, Config{Timeouts: Timeouts{Body: soon}}, func(p *peer, n int) {
				if n > 0 {
					silent(p, 0)
					return
				}
				if _, err := http.ReadRequest(p.in); err != nil {
					t.Error(err)
				}
				close(asked)
				<-go1
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			})
			c := dial(t, r.address)
			c.send("POST / HTTP/1.1\r\nHost: h\r\n%s", framed)
			closed(t, "the target is asked", asked)
			// Two others time out meanwhile, one after the other.
			for range 2 {
				other := dial(t, r.address)
				other.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\npart")
				if err := failure(t, p); !errors.Is(err, ErrDisconnected) {
					t.Errorf("%v, want ErrGone", err)
				}
			}
			close(go1)
			if resp, got := c.response("POST"); got != "ok" {
				t.Error(resp.Status, got)
			}
		})
	}
}

func TestTimeout_OfPauses(t *testing.T) {
	for _, head := range []string{"Content-Length: 1000000", "Transfer-Encoding: chunked", "Connection: close"} {
		t.Run(head, func(t *testing.T) {
			r, p := before(t, Config{Timeouts: Timeouts{Pause: soon}}, func(p *peer, _ int) {
				p.head()
				p.send("HTTP/1.1 200 OK\r\n%s\r\n\r\n4\r\nfour\r\n", head)
				silent(p, 0)
			})
			c := dial(t, r.address)
			c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			if _, err := c.rest(); err == nil {
				t.Error("the response looks whole")
			}
			if err := failure(t, p); !errors.Is(err, ErrBroken) {
				t.Errorf("%v, want ErrBroken", err)
			}
		})
	}
}

func TestTimeout_OfConnectionsThatAreKept(t *testing.T) {
	ended := make(chan struct{}, 1)
	r, p := before(t, Config{Timeouts: Timeouts{Keep: soon}}, func(p *peer, _ int) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		if rest, err := p.rest(); rest != "" || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
		ended <- struct{}{}
	})
	c := dial(t, r.address)
	for range 2 {
		c.get("/")
		closed(t, "the connection to the target ends", ended)
	}
	p.to.mu.Lock()
	defer p.to.mu.Unlock()
	if len(p.to.idle) > 0 {
		t.Errorf("%d connections are kept", len(p.to.idle))
	}
}

// The total timeout ends an exchange in any phase, even if bytes move all the time.
func TestTimeout_OfAll(t *testing.T) {
	busy := func(p *peer, _ int) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for {
			if _, err := p.Write([]byte("1\r\nx\r\n")); err != nil {
				return
			}
		}
	}
	dripping := func(c *peer) {
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for range ticker.C {
			if _, err := c.Write([]byte("1\r\nx\r\n")); err != nil {
				return
			}
		}
	}
	get, post := "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\n"
	for _, c := range []struct {
		name, ask string
		part      func(*peer, int)
		more      func(*peer)
		want      error
	}{
		{"while the target is silent", get, silent, nil, ErrTimeout},
		{"while the target sends", get, busy, nil, ErrBroken},
		{"while the target sends much", get, func(p *peer, _ int) { p.head(); endless(p) }, nil, ErrBroken},
		{"while the client sends", post + "Transfer-Encoding: chunked\r\n\r\n", silent, dripping, ErrTimeout},
		{"while the client is silent", post + "Content-Length: 9\r\n\r\npart", silent, nil, ErrTimeout},
		{"while the client sends much", post + "Content-Length: 100000000000\r\n\r\n", silent, func(c *peer) { _, _ = io.Copy(c, zeros{}) }, ErrTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, p := before(t, Config{Timeouts: Timeouts{Total: 3 * soon}}, c.part)
			v := dial(t, r.address)
			v.send("%s", c.ask)
			sent, read := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(sent)
				if c.more != nil {
					c.more(v)
				}
			}()
			go func() {
				defer close(read)
				_, _ = io.Copy(io.Discard, v.in)
			}()
			if err := failure(t, p); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			_ = v.Close()
			<-sent
			<-read
		})
	}
}

// A tunnel may last.
func TestTimeout_OfAllDoesNotEndTunnels(t *testing.T) {
	r, p := before(t, Config{Timeouts: Timeouts{Total: soon, Idle: soon, Pause: soon, Body: soon}}, func(p *peer, n int) {
		p.head()
		if n > 0 {
			silent(p, 0)
			return
		}
		p.send("%s", giveUpgrade)
		_, _ = io.Copy(p, p.in)
	})
	c := dial(t, r.address)
	c.send("%s", askUpgrade)
	c.expect(upgradedHead)
	for i := range 2 {
		dial(t, r.address).get("/")
		if err := failure(t, p); !errors.Is(err, ErrTimeout) {
			t.Errorf("%v, want ErrTimeout", err)
		}
		text := fmt.Sprint("still there ", i)
		c.send("%s", text)
		c.expect(text)
	}
}
