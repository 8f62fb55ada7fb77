package engine

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

const (
	askUpgrade   = "GET /socket HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n"
	giveUpgrade  = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\nX-Accept: yes\r\n\r\n"
	upgradedHead = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Accept: yes\r\n\r\n"
)

func TestTunnel_RelaysBytesAfterTheHeads(t *testing.T) {
	large := pattern(1 << 20)
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		if h := p.head(); !strings.Contains(h, "Connection: Upgrade\r\nUpgrade: echo\r\n") {
			t.Errorf("%q", h)
		}
		p.send("%sfirst words", giveUpgrade)
		p.expect("eager words")
		p.expect(large)
		p.send("%s", large)
		p.expect("bye")
	})
	c := dial(t, r.address)
	c.send("%seager words", askUpgrade)
	c.expect(upgradedHead + "first words")
	c.send("%s", large)
	c.expect(large)
	c.send("bye")
	if rest, err := c.rest(); rest != "" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestTunnel_BeginsAfterInformationalResponses(t *testing.T) {
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		p.head()
		p.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n%sframes", giveUpgrade)
		_, _ = p.rest()
	})
	c := dial(t, r.address)
	c.send("%s", askUpgrade)
	c.expect("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + upgradedHead + "frames")
}

func TestTunnel_PassesTheEndOfOneDirection(t *testing.T) {
	t.Run("of the client", func(t *testing.T) {
		r, _ := before(t, Config{}, func(p *peer, _ int) {
			p.head()
			p.send("%s", giveUpgrade)
			rest, err := p.rest()
			p.send("you said %s, %v", rest, err)
		})
		c := dial(t, r.address)
		c.send("%s", askUpgrade)
		c.expect(upgradedHead)
		c.send("this")
		_ = c.CloseWrite()
		if rest, err := c.rest(); rest != "you said this, <nil>" || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
	})
	t.Run("of the target", func(t *testing.T) {
		heard := make(chan string, 1)
		r, _ := before(t, Config{}, func(p *peer, _ int) {
			p.head()
			p.send("%sall", giveUpgrade)
			_ = p.CloseWrite()
			rest, _ := p.rest()
			heard <- rest
		})
		c := dial(t, r.address)
		c.send("%s", askUpgrade)
		c.expect(upgradedHead)
		if rest, err := c.rest(); rest != "all" || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
		c.send("I see")
		_ = c.CloseWrite()
		if rest := <-heard; rest != "I see" {
			t.Errorf("%q", rest)
		}
	})
}

func TestTunnel_EndsWithEitherSide(t *testing.T) {
	for _, client := range []bool{true, false} {
		disconnected := make(chan struct{})
		r, _ := before(t, Config{}, func(p *peer, _ int) {
			p.head()
			p.send("%s", giveUpgrade)
			if !client {
				p.expect("x")
				_ = p.SetLinger(0)
				return
			}
			_, _ = p.rest()
			close(disconnected)
		})
		c := dial(t, r.address)
		c.send("%s", askUpgrade)
		c.expect(upgradedHead)
		if client {
			_ = c.SetLinger(0)
			_ = c.Close()
			closed(t, "the target notices it", disconnected)
			return
		}
		c.send("x")
		_, _ = c.rest()
	}
}

// A refused upgrade leaves an ordinary connection.
func TestTunnel_GoesOnWithoutAnUpgrade(t *testing.T) {
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		for p.head() != "" {
			p.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno")
		}
	})
	c := dial(t, r.address)
	for range 3 {
		c.send("%s", askUpgrade)
		if resp, body := c.response(http.MethodGet); resp.StatusCode != 426 || body != "no" || resp.Close {
			t.Errorf("%s %q", resp.Status, body)
		}
	}
}

// What a client sends for the tunnel before it is open is no request if it is not opened.
func TestTunnel_TakesNoEarlyBytesForARequest(t *testing.T) {
	for _, ask := range []string{askUpgrade, "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n"} {
		asked := make(chan string, 10)
		r, _ := before(t, Config{}, func(p *peer, _ int) {
			for h := p.head(); h != ""; h = p.head() {
				asked <- h
				p.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
			}
		})
		c := dial(t, r.address)
		c.send("%sGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", ask)
		if resp, body := c.response(http.MethodGet); resp.StatusCode != 403 || body != "no" {
			t.Error(resp.Status, body)
		}
		if rest, err := c.rest(); rest != "" || err != nil || len(asked) != 1 {
			t.Errorf("%q follows, %v, %d requests", rest, err, len(asked))
		}
	}
}

func TestTunnel_RefusesUnsolicitedUpgrades(t *testing.T) {
	for _, ask := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: echo\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
	} {
		t.Run("", func(t *testing.T) {
			r, p := before(t, Config{}, func(p *peer, _ int) {
				p.head()
				p.send("%s", giveUpgrade)
				_, _ = p.rest()
			})
			c := dial(t, r.address)
			c.send("%s", ask)
			if resp, _ := c.response(http.MethodGet); resp.StatusCode != http.StatusBadGateway {
				t.Error(resp.Status)
			}
			if err := failure(t, p); !errors.Is(err, ErrResponse) {
				t.Errorf("%v, want ErrAnswer", err)
			}
		})
	}
}

// A target must not switch the protocol before it has the complete request (RFC 9110 section 7.8): the rest of the body
// would be taken for what follows.
func TestTunnel_WaitsForTheBody(t *testing.T) {
	t.Run("that is whole", func(t *testing.T) {
		r, _ := before(t, Config{}, func(p *peer, _ int) {
			p.head()
			p.expect("5\r\nwhole\r\n0\r\n\r\n")
			p.send("%s", giveUpgrade)
			_, _ = io.Copy(p, p.in)
		})
		c := dial(t, r.address)
		c.send("%s", strings.Replace(askUpgrade, "\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\nfirst", 1))
		c.expect(upgradedHead + "first")
		c.send("and more")
		c.expect("and more")
	})
	t.Run("that is not", func(t *testing.T) {
		r, p := before(t, Config{}, func(p *peer, _ int) {
			p.head()
			p.send("%s", giveUpgrade)
			_, _ = p.rest()
		})
		c := dial(t, r.address)
		c.send("%s", strings.Replace(askUpgrade, "\r\n\r\n", "\r\nContent-Length: 100\r\n\r\npart", 1))
		if resp, _ := c.response(http.MethodGet); resp.StatusCode != http.StatusBadGateway || !resp.Close {
			t.Error(resp.Status, resp.Close)
		}
		if err := failure(t, p); !errors.Is(err, ErrResponse) {
			t.Errorf("%v, want ErrAnswer", err)
		}
	})
}

// An exchange that became a tunnel is reused for one that does not.
func TestTunnel_LeavesNothingToTheNextExchange(t *testing.T) {
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		for h := p.head(); h != ""; h = p.head() {
			if strings.Contains(h, "Upgrade: x") {
				p.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
				return
			}
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	for range 20 {
		c := dial(t, r.address)
		c.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		c.head()
		_ = c.CloseWrite()
		_, _ = c.rest()
		dial(t, r.address).get("/")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r.Drain(ctx)
	if busy := r.busy.Load(); busy != 0 || ctx.Err() != nil {
		t.Errorf("%d exchanges are under way", busy)
	}
}

// A 426 names the protocols (RFC 9110 section 15.5.22). Other responses do not.
func TestTunnel_IsOfferedWhereItIsRequired(t *testing.T) {
	offer := func(status string) func(p *peer, _ int) {
		return func(p *peer, _ int) {
			for p.head() != "" {
				p.send("HTTP/1.1 %s\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno", status)
			}
		}
	}
	for status, want := range map[string]bool{"426 Upgrade Required": true, "400 Bad Request": false} {
		r, _ := before(t, Config{}, offer(status))
		c := dial(t, r.address)
		for _, ask := range []string{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", askUpgrade, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"} {
			c.send("%s", ask)
			h := c.head()
			c.expect("no")
			if got := strings.Contains(h, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"); got != (want && !strings.Contains(ask, "/1.0")) {
				t.Errorf("%q got %q", ask, h)
			}
		}
	}
	p := &carrier{hooks: none{}}
	m := servingTLS(t, Config{Handler: p})
	p.to = m.Upstream(HTTP, acting(t, offer("426 Upgrade Required")))
	resp, body := m.do(t, request(t, "GET", m.url("/"), nil))
	if resp.StatusCode != 426 || body != "no" || resp.Header.Get("Upgrade") != "" {
		t.Error(resp.Status, body, resp.Header)
	}
}
