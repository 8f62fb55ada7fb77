package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// named responds to each request with the number of its connection.
func named(p *peer, n int) {
	for p.head() != "" {
		text := fmt.Sprint(n)
		p.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	}
}

func TestPool_UsesConnectionsAgain(t *testing.T) {
	for _, ask := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n" + pattern(200000),
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	} {
		method, _, _ := strings.Cut(ask, " ")
		for _, response := range []string{
			"200 OK\r\nContent-Length: 2\r\n\r\nok", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "204 No Content\r\n\r\n",
			"304 Not Modified\r\nETag: x\r\n\r\n", "200 OK\r\nContent-Length: 200000\r\n\r\n" + pattern(200000), "200 OK\r\nContent-Length: 0\r\n\r\n",
		} {
			t.Run(ask[:min(len(ask), 20)]+response[:6], func(t *testing.T) {
				head, body, _ := strings.Cut(response, "\r\n\r\n")
				r, _ := before(t, Config{}, func(p *peer, n int) {
					for {
						resp := p.head()
						if resp == "" {
							return
						}
						_, sent, _ := strings.Cut(ask, "\r\n\r\n")
						switch {
						case strings.HasSuffix(sent, "0\r\n\r\n"):
							p.expect("2\r\nok\r\n0\r\n\r\n")
						default:
							p.expect(sent)
						}
						// After HEAD, the promised body may follow.
						if n > 0 && (method != http.MethodHead || strings.HasPrefix(response, "204") || strings.HasPrefix(response, "304")) {
							t.Errorf("connection %d", n)
						}
						if method == http.MethodHead {
							body = ""
						}
						p.send("HTTP/1.1 %s\r\n\r\n%s", head, body)
					}
				})
				c := dial(t, r.address)
				for range 3 {
					c.send("%s", ask)
					if resp, _ := c.response(method); resp.Close {
						if strings.HasPrefix(ask, "GET / HTTP/1.0") && strings.Contains(response, "chunked") {
							c = dial(t, r.address)
							continue
						}
						t.Error("the connection of the client ends")
					}
				}
			})
		}
	}
}

// Connections that cannot be reused are closed.
func TestPool_ClosesConnections(t *testing.T) {
	for name, response := range map[string]string{
		"by their wish":              "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
		"by their version":           "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"with bytes left":            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
		"with bytes behind chunks":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
		"with a body where none is":  "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
		"with framing where none is": "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{}, 3)
			r, _ := before(t, Config{}, func(p *peer, _ int) {
				p.head()
				p.send("%s", response)
				_, _ = p.rest()
				ended <- struct{}{}
			})
			c := dial(t, r.address)
			for range 3 {
				if resp, body := c.get("/"); resp.StatusCode > 204 || body == "evil" || resp.Close {
					t.Error(resp.Status, body, resp.Close)
				}
				<-ended
			}
		})
	}
}

// A large body is spliced, and what follows it is in the socket before the body was relayed.
func TestPool_ReusesNoConnectionWithBytesAfterALargeBody(t *testing.T) {
	large := pattern(3 << 20)
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%sHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", len(large), large)
		_, _ = p.rest()
	})
	c := dial(t, r.address)
	for range 3 {
		if resp, body := c.get("/"); body != large || resp.Close {
			t.Errorf("%s, %d bytes, close %v", resp.Status, len(body), resp.Close)
		}
	}
}

// Of several connections the one that was used last is used first, so that the others can expire.
func TestPool_UsesTheLatestFirst(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	r, p := before(t, Config{}, func(p *peer, n int) {
		p.head()
		both.Done()
		both.Wait()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		named(p, n)
	})
	one, two := dial(t, r.address), dial(t, r.address)
	for _, c := range []*peer{one, two} {
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	}
	one.response(http.MethodGet)
	two.response(http.MethodGet)
	back := func() bool { return kept(p.to) == 2 }
	eventually(t, back)
	_, first := one.get("/")
	for range 5 {
		eventually(t, back)
		if _, again := two.get("/"); again != first {
			t.Errorf("connection %s after %s", again, first)
		}
	}
}

// kept is the number of unused connections.
func kept(u *Upstream) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.idle)
}

func TestPool_KeepsNoMoreThanItMay(t *testing.T) {
	const clients, most = 5, 2
	var all sync.WaitGroup
	all.Add(clients)
	ended := make(chan struct{}, clients)
	r, p := before(t, Config{Limits: Limits{Kept: most}}, func(p *peer, _ int) {
		p.head()
		all.Done()
		all.Wait()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		_, _ = p.rest()
		ended <- struct{}{}
	})
	var visiting []*peer
	for range clients {
		c := dial(t, r.address)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		visiting = append(visiting, c)
	}
	for _, c := range visiting {
		c.response(http.MethodGet)
	}
	for range clients - most {
		<-ended
	}
	if n := kept(p.to); n != most {
		t.Errorf("%d are kept", n)
	}
}

func TestPool_ClosesTargetsThatAreDropped(t *testing.T) {
	asked, ended := make(chan struct{}, 3), make(chan struct{}, 2)
	first, release := make(chan struct{}), make(chan struct{})
	r, p := before(t, Config{}, func(p *peer, n int) {
		p.head()
		asked <- struct{}{}
		if n == 0 {
			<-first
		} else {
			<-release
		}
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		_, _ = p.rest()
		ended <- struct{}{}
	})
	idle, busy := dial(t, r.address), dial(t, r.address)
	for _, c := range []*peer{idle, busy} {
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		<-asked
	}
	close(first)
	idle.response(http.MethodGet)
	eventually(t, func() bool { return kept(p.to) == 1 })
	p.to.Close()
	close(release)
	if _, body := busy.response(http.MethodGet); body != "ok" {
		t.Error(body)
	}
	<-ended
	<-ended
	if n := kept(p.to); n != 0 {
		t.Errorf("%d are kept", n)
	}
}

// What a target sends before a request is never taken for the response, whatever the request.
func TestPool_DropsConnectionsWithUnsolicitedBytes(t *testing.T) {
	for name, words := range map[string]string{
		"with the end of a timeout": "HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlate",
		"with a response":           "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "with the end": "",
	} {
		for _, ask := range []string{
			"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok",
			"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", // The chunks follow.
		} {
			t.Run(name, func(t *testing.T) {
				speak, spoke := make(chan struct{}), make(chan struct{})
				r, p := before(t, Config{}, func(p *peer, n int) {
					p.head()
					if n == 0 {
						p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
						<-speak
						p.send("%s", words)
						_ = p.CloseWrite()
						close(spoke)
						_, _ = p.rest()
						return
					}
					p.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond")
					_, _ = p.rest()
				})
				c := dial(t, r.address)
				c.get("/")
				eventually(t, func() bool { return kept(p.to) == 1 })
				close(speak)
				<-spoke
				c.send("%s", ask)
				if strings.Contains(ask, "chunked") {
					c.send("0\r\n\r\n")
				}
				if resp, body := c.response("GET"); resp.StatusCode != http.StatusOK || body != "second" {
					t.Error(resp.Status, body)
				}
				select {
				case err := <-p.fails:
					t.Error(err)
				default:
				}
			})
		}
	}
}

// When a target restarts at its address, no request gets lost, however many connections were kept.
func TestPool_SurvivesARestart(t *testing.T) {
	first := listen(t)
	address := first.Addr().String()
	p := &carrier{hooks: none{}, fails: make(chan error, 100)}
	r := serving(t, Config{Handler: p})
	p.to = r.Upstream(HTTP, address)
	const clients = 10
	var all, ended sync.WaitGroup
	all.Add(clients)
	ended.Add(clients)
	stop := make(chan struct{})
	actingOn(t, first, func(p *peer, _ int) {
		p.head()
		all.Done()
		all.Wait()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		<-stop
		_ = p.Close()
		ended.Done()
	})
	var visiting []*peer
	for range clients {
		c := dial(t, r.address)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		visiting = append(visiting, c)
	}
	for _, c := range visiting {
		c.response(http.MethodGet)
	}
	eventually(t, func() bool { return kept(p.to) == clients })
	_ = first.Close()
	close(stop)
	ended.Wait()
	var second net.Listener
	eventually(t, func() (listens bool) {
		var err error
		second, err = net.Listen("tcp", address)
		return err == nil
	})
	actingOn(t, second, func(p *peer, n int) {
		h := p.head()
		if strings.HasPrefix(h, "POST") {
			p.expect("body")
		}
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew")
		named(p, n)
	})
	for i, ask := range []string{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"} {
		visiting[i].send("%s", ask)
		if resp, _ := visiting[i].response("GET"); resp.StatusCode != http.StatusOK {
			t.Error(resp.Status)
		}
	}
	if len(p.fails) > 0 {
		t.Error(<-p.fails)
	}
}

// A request over a kept connection is repeated if nothing came back and it is idempotent.
func TestPool_RepeatsWhatMayBeRepeated(t *testing.T) {
	for ask, repeated := range map[string]bool{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n": true, "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n": true, "POST / HTTP/1.1\r\nHost: h\r\n\r\n": false,
		"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok": true, "PATCH / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok": false,
	} {
		t.Run(ask[:6], func(t *testing.T) {
			r, p := before(t, Config{}, func(p *peer, n int) {
				if strings.HasPrefix(p.head(), "PUT") {
					p.expect("ok")
				}
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				if p.head() == "" || n == 0 {
					return // It was asked, and ends without a word.
				}
				named(p, n)
			})
			c := dial(t, r.address)
			c.get("/")
			c.send("%s", ask)
			resp, _ := c.response("GET")
			if (resp.StatusCode == http.StatusOK) != repeated {
				t.Error(resp.Status)
			}
			if !repeated {
				if err := failure(t, p); !errors.Is(err, ErrResponse) || errors.Is(err, io.EOF) {
					t.Errorf("%v, want ErrAnswer", err)
				}
			}
		})
	}
}

// Its time may have ended as its response arrived, when the watch had already looked for it among the unused ones.
func TestPool_KeepsNoInterruptedConnection(t *testing.T) {
	_, p := before(t, Config{}, named)
	l, err := p.to.dial(patience)
	if err != nil {
		t.Fatal(err)
	}
	l.sock.Interrupt()
	p.to.keep(l)
	if len(p.to.idle) != 0 {
		t.Error("it was kept")
	}
}
