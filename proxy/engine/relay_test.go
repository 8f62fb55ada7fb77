package engine

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gateway/proxy/header"
)

// pattern is text of that length in which no part equals another.
func pattern(length int) string {
	var b strings.Builder
	for i := 0; b.Len() < length; i++ {
		fmt.Fprintf(&b, "%08x", uint32(i)*2654435761)
	}
	return b.String()[:length]
}

// endless responds with a body that never ends, until it is not read.
func endless(p *peer) {
	p.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
	piece := make([]byte, 64<<10)
	for {
		if _, err := p.Write(piece); err != nil {
			return
		}
	}
}

// However large a body is, a client that does not read has the timeout of clients, and a silent target that of targets.
func TestRelay_GivesEachSideItsOwnTime(t *testing.T) {
	go1, first := make(chan struct{}), pattern(150<<10)
	second := pattern(150 << 10)
	r, p := before(t, Config{Timeouts: Timeouts{Write: 80 * time.Millisecond}}, func(p *peer, n int) {
		if n > 0 {
			p.head()
			endless(p)
			return
		}
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(first)+len(second), first)
		<-go1
		p.send("%s", second)
		_ = p.head()
	})
	patient := dial(t, r.address)
	patient.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	patient.head()
	patient.expect(first)
	// While that target is silent, another client stops reading for longer than a client may.
	stopped := dial(t, r.address)
	stopped.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if err := failure(t, p); !errors.Is(err, ErrDisconnected) {
		t.Errorf("%v, want ErrGone", err)
	}
	close(go1)
	patient.expect(second)
}

func TestRelay_DistinguishesDisconnectsFromTruncatedResponses(t *testing.T) {
	r, p := before(t, Config{}, func(p *peer, _ int) {
		switch h := p.head(); {
		case strings.HasPrefix(h, "GET /short "):
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n%s", pattern(300<<10))
		case strings.HasPrefix(h, "GET /shorter "):
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
		default:
			endless(p)
		}
	})
	for range 5 {
		c := dial(t, r.address)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		_, _ = io.CopyN(io.Discard, c.in, 200<<10)
		_ = c.SetLinger(0)
		_ = c.Close()
		if err := failure(t, p); !errors.Is(err, ErrDisconnected) {
			t.Errorf("%v, want ErrGone", err)
		}
		for _, path := range []string{"/short", "/shorter"} {
			c = dial(t, r.address)
			c.send("GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
			if _, err := c.rest(); err == nil {
				t.Error("a truncated response ended like a complete one")
			}
			if err := failure(t, p); !errors.Is(err, ErrBroken) {
				t.Errorf("%v, want ErrBroken", err)
			}
		}
	}
}

// Large bodies arrive unchanged, in both directions, whatever the client speaks.
func TestRelay_MovesLargeBodies(t *testing.T) {
	large := pattern(10 << 20)
	r, _ := before(t, Config{}, func(p *peer, _ int) {
		for p.head() != "" {
			p.expect(large)
			p.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(large), large)
		}
	})
	for _, version := range []string{"1.1", "1.0"} {
		c := dial(t, r.address)
		for range 2 {
			c.send("POST / HTTP/%s\r\nHost: h\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%s", version, len(large), large)
			if resp, body := c.response("POST"); body != large || resp.Close || resp.ContentLength != int64(len(large)) {
				t.Fatalf("HTTP/%s: %d bytes, close %v", version, len(body), resp.Close)
			}
		}
	}
}

func TestRelay_PassesTheReason(t *testing.T) {
	for _, status := range []string{"200 Fine", "200 ", "418 I'm a teapot", "299 Odd \xfc"} {
		r, _ := before(t, Config{}, func(p *peer, _ int) {
			p.head()
			p.send("HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status)
		})
		c := dial(t, r.address)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		c.expect("HTTP/1.1 " + status + "\r\n")
	}
}

// RFC 9110 section 8.6 forbids it, and a client that trusts it waits for a body that never comes.
func TestRelay_SendsNoLengthOfA204(t *testing.T) {
	for _, length := range []string{"0", "5"} {
		r, _ := before(t, Config{}, func(p *peer, _ int) {
			p.head()
			p.send("HTTP/1.1 204 No Content\r\nContent-Length: %s\r\n\r\n", length)
			p.head()
		})
		c := dial(t, r.address)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 204 ") || strings.Contains(head, "Content-Length") {
			t.Errorf("of %s: %q", length, head)
		}
	}
}

// A client that reads slowly does not use up the timeout of the target.
func TestRelay_GivesTargetsOnlyTheTimeInWhichTheyAreAwaited(t *testing.T) {
	const limit = 40 * time.Millisecond
	for name, times := range map[string]Timeouts{"response": {Response: limit}, "pause": {Pause: limit}} {
		t.Run(name, func(t *testing.T) {
			taken, ended := make(chan struct{}, 10), make(chan struct{})
			await := func() {
				select {
				case <-taken:
				case <-ended:
				}
			}
			p := &dawdler{carrier: carrier{fails: make(chan error, 10)}}
			r := serving(t, Config{Handler: p, Timeouts: times})
			p.wait = func() { sweeps(t, r, 20); taken <- struct{}{} }
			p.to = r.Upstream(HTTP, acting(t, func(p *peer, _ int) {
				p.head()
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab")
				await()
				_, _ = io.WriteString(p, "cd")
				await()
				_, _ = io.WriteString(p, "ef")
				await()
			}))
			t.Cleanup(func() { close(ended) })
			c := dial(t, r.address)
			c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			if _, body := c.response("GET"); body != "abcdef" {
				t.Errorf("%q", body)
			}
			if len(p.fails) > 0 {
				t.Error(<-p.fails)
			}
		})
	}
}

// dawdler takes time for each piece of a response.
type dawdler struct {
	carrier
	wait func()
}

func (p *dawdler) Serve(x *Exchange) {
	if err := x.Forward(p.to, x.Request.Path, &dawdling{x: x, wait: p.wait}); err != nil {
		p.fails <- err
	}
}

type dawdling struct {
	none
	x    *Exchange
	wait func()
}

func (d *dawdling) Incoming(int, *header.Header) {
	d.x.Transform(func(to Sink) Sink { return waitingSink{to, d.wait} })
}

type waitingSink struct {
	Sink
	wait func()
}

func (s waitingSink) Write(p []byte) (int, error) {
	n, err := s.Sink.Write(p)
	s.wait()
	return n, err
}
