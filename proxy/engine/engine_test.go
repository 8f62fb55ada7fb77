package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gateway/proxy/header"
)

// carrier forwards everything to one target, and responds with the error of an exchange that failed.
type carrier struct {
	to    *Upstream
	hooks Hooks
	fails chan error
}

// none edits nothing.
type none struct{}

func (none) Outgoing(*header.Header)      {}
func (none) Incoming(int, *header.Header) {}

func (p *carrier) Serve(x *Exchange) {
	err := x.Forward(p.to, x.Request.Path, p.hooks)
	if err == nil {
		return
	}
	if p.fails != nil {
		p.fails <- err
	}
	if !x.Began() {
		_ = x.Reply(http.StatusBadGateway, nil, []byte(err.Error()))
	}
}

func (p *carrier) Refuse(x *Exchange, r *Refusal) { _ = x.Reply(r.Status, nil, []byte(r.Reason)) }

// running is an engine that serves until the test ends.
type running struct {
	*Engine
	address string
}

func serving(t testing.TB, c Config) running {
	t.Helper()
	return servingOn(t, c, false)
}

func servingOn(t testing.TB, c Config, secure bool) running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if c.Quiet == 0 {
		// Most tests want connections reused at once.
		c.Quiet = -1
	}
	e := New(c)
	ended := make(chan error, 1)
	go func() {
		e.Serve(l, secure, func(err error) { t.Error(err) })
		ended <- nil
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		e.Drain(ctx)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		e.Close()
	})
	return running{e, l.Addr().String()}
}

func through(t testing.TB, backend http.HandlerFunc) (running, *carrier) {
	t.Helper()
	app := httptest.NewServer(backend)
	t.Cleanup(app.Close)
	p := &carrier{hooks: none{}, fails: make(chan error, 100)}
	r := serving(t, Config{Handler: p})
	p.to = r.Upstream(HTTP, app.Listener.Addr().String())
	return r, p
}

func TestEngine_CarriesRequests(t *testing.T) {
	r, _ := through(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
	})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for i := range 5 {
		for _, body := range []string{"", "small", strings.Repeat("x", 1<<20)} {
			req, _ := http.NewRequestWithContext(t.Context(), "POST", fmt.Sprintf("http://%s/a%d?b", r.address, i), strings.NewReader(body))
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if want := fmt.Sprintf("POST /a%d?b %s", i, body); err != nil || string(got) != want {
				t.Fatalf("got %d bytes, want %d, %v", len(got), len(want), err)
			}
		}
	}
}

func TestEngine_Pipelines(t *testing.T) {
	r, _ := through(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RequestURI) })
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var all strings.Builder
	for i := range 200 {
		fmt.Fprintf(&all, "GET /%d HTTP/1.1\r\nHost: h\r\nX-Pad: %s\r\n\r\n", i, strings.Repeat("y", i))
	}
	go func() { _, _ = io.WriteString(conn, all.String()) }()
	br := bufio.NewReader(conn)
	for i := range 200 {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(i, err)
		}
		body, _ := io.ReadAll(resp.Body)
		if string(body) != fmt.Sprintf("/%d", i) {
			t.Fatalf("response %d is %q", i, body)
		}
	}
}

// The next request of a connection begins once the response to the last one has ended, since that could still fail.
func TestEngine_ServesPipelinedRequestsOneAtATime(t *testing.T) {
	release := make(chan struct{})
	r, _ := before(t, Config{}, func(p *peer, n int) {
		if n > 0 {
			t.Error("the second request began beside the first")
		}
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\non")
		<-release
		if n := p.in.Buffered(); n > 0 {
			t.Errorf("%d bytes came behind the first request", n)
		}
		p.send("e")
		named(p, 2)
	})
	c := dial(t, r.address)
	c.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
	c.head()
	c.expect("on")
	close(release)
	c.expect("e")
	if _, body := c.response(http.MethodGet); body != "2" {
		t.Errorf("the second response is %q", body)
	}
}

func (none) Accepts(int) bool { return true }
