package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits.
const patience = 30 * time.Second

// peer is one end of a connection on which a test sends and reads bytes.
type peer struct {
	*net.TCPConn
	in   *bufio.Reader
	fail func(format string, args ...any)
}

func newPeer(conn net.Conn, fail func(format string, args ...any)) *peer {
	_ = conn.SetDeadline(time.Now().Add(patience))
	tcp, _ := conn.(*net.TCPConn)
	return &peer{tcp, bufio.NewReaderSize(conn, 64<<10), fail}
}

// dial connects as a client.
func dial(t testing.TB, address string) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return newPeer(conn, t.Fatalf)
}

// send sends text.
func (p *peer) send(format string, args ...any) {
	if _, err := fmt.Fprintf(p, format, args...); err != nil {
		p.fail("sending %.40q: %v", format, err)
	}
}

// head reads a head with its empty line. It is empty if the connection ended before.
func (p *peer) head() string {
	var all strings.Builder
	for {
		line, err := p.in.ReadString('\n')
		all.WriteString(line)
		switch {
		case err != nil && all.Len() == 0:
			return ""
		case err != nil:
			p.fail("after %q: %v", all.String(), err)
			return ""
		case line == "\r\n":
			return all.String()
		}
	}
}

// expect reads exactly that text.
func (p *peer) expect(want string) {
	got := make([]byte, len(want))
	if n, err := io.ReadFull(p.in, got); err != nil || string(got) != want {
		p.fail("heard %.80q, %v, want %.80q", got[:n], err, want)
	}
}

// response reads a complete response to a request of that method, without informational ones.
func (p *peer) response(method string) (*http.Response, string) {
	resp, err := http.ReadResponse(p.in, &http.Request{Method: method})
	if err != nil {
		p.fail("reading the response: %v", err)
		return nil, ""
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.fail("reading the body of the response: %v", err)
	}
	return resp, string(body)
}

// get requests a path and reads the response.
func (p *peer) get(path string) (*http.Response, string) {
	p.send("GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
	return p.response(http.MethodGet)
}

// rest reads until the connection ends. The error is nil for an orderly end.
func (p *peer) rest() (string, error) {
	rest, err := io.ReadAll(p.in)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		p.fail("the connection did not end")
	}
	return string(rest), err
}

// acting is a target that runs part on each of its connections, which it counts from 0 on.
func acting(t testing.TB, part func(p *peer, n int)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return actingOn(t, l, part)
}

func actingOn(t testing.TB, l net.Listener, part func(p *peer, n int)) string {
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			all.Go(func() {
				defer conn.Close()
				part(newPeer(conn, func(format string, args ...any) {
					t.Errorf("the target: "+format, args...)
					runtime.Goexit()
				}), n)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr().String()
}

// before serves between clients and a target that runs part, and checks that no goroutine is left in the end.
func before(t testing.TB, c Config, part func(p *peer, n int)) (running, *carrier) {
	t.Helper()
	p := &carrier{hooks: none{}, fails: make(chan error, 100)}
	if c.Handler == nil {
		c.Handler = p
	}
	address := acting(t, part)
	were := len(inEngine())
	t.Cleanup(func() { nothingLeft(t, were) })
	r := serving(t, c)
	p.to = r.Upstream(HTTP, address)
	return r, p
}

// nothingLeft waits until there are no more goroutines in the engine than before.
func nothingLeft(t testing.TB, were int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		left := inEngine()
		if len(left) <= were {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind:\n%s", strings.Join(left, "\n\n"))
		}
	}
}

// inEngine returns the stacks of the goroutines that are in the engine.
func inEngine() []string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return slices.DeleteFunc(strings.Split(string(stacks), "\n\n"), func(stack string) bool {
		return !strings.Contains(stack, "engine.(*conn)") && !strings.Contains(stack, "engine.(*sending)") && !strings.Contains(stack, "engine.(*Engine)")
	})
}

// failure is the error of the next exchange that failed.
func failure(t testing.TB, p *carrier) error {
	t.Helper()
	select {
	case err := <-p.fails:
		return err
	case <-time.After(patience):
		t.Fatal("no exchange failed")
		return nil
	}
}

// closed waits until the channel is.
func closed(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("never: %s", what)
	}
}
