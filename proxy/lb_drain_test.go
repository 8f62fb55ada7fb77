package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"gateway/proxy/route"
)

// holdingApp is an app that holds requests, and tells the test of each.
type holdingApp struct {
	route.Target
	asked, release chan struct{}
}

// newHoldingApp starts one. It upgrades WebSockets, sends half of a download, holds /hold until it is released, and responds
// with its name.
func newHoldingApp(t *testing.T, name string) *holdingApp {
	t.Helper()
	h := &holdingApp{asked: make(chan struct{}, 100), release: make(chan struct{})}
	h.Target = app(t, name, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			echo(w, r)
			return
		case r.URL.Path == "/download":
			w.Header().Set("Content-Length", "8")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			<-h.release
			_, _ = io.WriteString(w, "half")
			return
		case r.URL.Path == "/hold":
			h.asked <- struct{}{}
			<-h.release
		}
		_, _ = io.WriteString(w, name)
	})
	t.Cleanup(func() {
		select {
		case <-h.release:
		default:
			close(h.release)
		}
	})
	return h
}

// download requests a download, reads half of it, and returns the reader of the rest.
func (p *running) download(t *testing.T, path string) io.Reader {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(p.send(t, requestOf("GET", path, ""))), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	half := make([]byte, 4)
	if _, err := io.ReadFull(resp.Body, half); err != nil {
		t.Fatal(err)
	}
	return resp.Body
}

// put applies a table of one route.
func (p *running) put(r route.Route, targets ...route.Target) {
	r.Targets = targets
	p.SetTable(route.Build([]route.Route{r}, nil))
}

func TestDrain_LetsRequestsUnderWayFinish(t *testing.T) {
	for name, leave := range map[string]func(p *running, r route.Route, was, other route.Target){
		"draining": func(p *running, r route.Route, was, other route.Target) {
			p.put(r, inState(route.Draining, was), other)
		},
		"stopped": func(p *running, r route.Route, was, other route.Target) { p.put(r, inState(route.Stopped, was), other) },
		"gone":    func(p *running, r route.Route, _, other route.Target) { p.put(r, other) },
		"unhealthy": func(p *running, r route.Route, was, other route.Target) {
			p.put(r, inState(route.Unhealthy, was), other)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, other := newHoldingApp(t, "a"), app(t, "b", nil)
			r := mount(t, "/x", route.Strip, h.Target)
			r.Drain = time.Hour
			p := start(t, Config{}, r)
			socket, rest := p.upgrade(t, "/x/ws"), p.download(t, "/x/download")
			post := p.send(t, requestOf("POST", "/x/hold", "hello"))
			<-h.asked
			socket.say(t, "before")
			leave(p, r, h.Target, other)
			for range 20 {
				if got := p.do(t, "GET", "/x/"); got.body != "b GET /" {
					t.Fatalf("a new request got %d %q", got.StatusCode, got.body)
				}
			}
			socket.say(t, "after")
			close(h.release)
			if body, err := io.ReadAll(rest); err != nil || string(body) != "half" {
				t.Errorf("the download ended with %q, %v", body, err)
			}
			if got := read(t, bufio.NewReader(post), "POST"); got.body != "a" {
				t.Errorf("the POST got %d %q", got.StatusCode, got.body)
			}
		})
	}
}

func TestDrain_EndsRequestsAfterItsTime(t *testing.T) {
	for name, drain := range map[string]struct{ ofRoute, ofAll time.Duration }{
		"route": {time.Millisecond, time.Hour}, "gateway": {0, time.Millisecond},
	} {
		for _, state := range []route.State{route.Draining, route.Stopped} {
			t.Run(name+" "+string(state), func(t *testing.T) {
				t.Parallel()
				h, other := newHoldingApp(t, "a"), app(t, "b", nil)
				r := mount(t, "/x", route.Strip, h.Target)
				r.Drain = drain.ofRoute
				p := start(t, Config{Drain: drain.ofAll}, r)
				socket, rest := p.upgrade(t, "/x/ws"), p.download(t, "/x/download")
				socket.say(t, "before")
				p.put(r, inState(state, h.Target), other)
				if _, err := socket.r.ReadByte(); err == nil || isTimeout(err) {
					t.Errorf("the WebSocket ended with %v", err)
				}
				if body, err := io.ReadAll(rest); err == nil || isTimeout(err) {
					t.Errorf("the download ended with %q, %v", body, err)
				}
			})
		}
	}
}

func TestDrain_StopsWhenTheTargetIsReadyAgain(t *testing.T) {
	t.Parallel()
	first, second, other := newHoldingApp(t, "a"), newHoldingApp(t, "b"), app(t, "c", nil)
	one, two := mount(t, "/one", route.Strip, first.Target), mount(t, "/two", route.Strip, second.Target)
	one.Drain, two.Drain = 200*time.Millisecond, 200*time.Millisecond
	p := start(t, Config{}, one, two)
	put := func(of, at route.State) {
		one.Targets, two.Targets = []route.Target{inState(of, first.Target), other}, []route.Target{inState(at, second.Target), other}
		p.SetTable(route.Build([]route.Route{one, two}, nil))
	}
	spared, cut := p.upgrade(t, "/one/ws"), p.upgrade(t, "/two/ws")
	put(route.Draining, route.Ready)
	// Tables that change nothing for the target neither restart nor stop the drain.
	put(route.Starting, route.Ready)
	put(route.Ready, route.Draining)
	if _, err := cut.r.ReadByte(); err == nil || isTimeout(err) {
		t.Errorf("the other ended with %v", err)
	}
	// A drain that began earlier would have cut it off by now.
	spared.say(t, "still there")
	put(route.Draining, route.Stopped)
	if _, err := spared.r.ReadByte(); err == nil || isTimeout(err) {
		t.Errorf("drained again, it ended with %v", err)
	}
}

func TestCancel_OfRequestsToATargetThatIsGone(t *testing.T) {
	for name, leave := range map[string]func(p *running, r route.Route, was, other route.Target){
		"stopped": func(p *running, r route.Route, was, other route.Target) { p.put(r, inState(route.Stopped, was), other) },
		"gone":    func(p *running, r route.Route, _, other route.Target) { p.put(r, other) },
		"unhealthy": func(p *running, r route.Route, was, other route.Target) {
			p.put(r, inState(route.Unhealthy, was), other)
		},
		"drained": func(p *running, r route.Route, was, other route.Target) {
			p.put(r, inState(route.Draining, was), other)
			p.put(r, inState(route.Stopped, was), other)
		},
		"moved": func(p *running, r route.Route, was, other route.Target) {
			was.Address = other.Address
			p.put(r, was)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, other := newHoldingApp(t, "a"), app(t, "b", nil)
			r := mount(t, "/x", route.Strip, h.Target)
			p := start(t, Config{}, r)
			get, put := p.send(t, requestOf("GET", "/x/hold", "")), p.send(t, requestOf("PUT", "/x/hold", "hello"))
			post := p.send(t, requestOf("POST", "/x/hold", "hello"))
			for range 3 {
				<-h.asked
			}
			leave(p, r, h.Target, other)
			if got := read(t, bufio.NewReader(get), "GET"); got.body != "b GET /hold" {
				t.Errorf("the GET got %d %q", got.StatusCode, got.body)
			}
			if got := read(t, bufio.NewReader(put), "PUT"); got.body != "b PUT /hold" {
				t.Errorf("the PUT got %d %q", got.StatusCode, got.body)
			}
			close(h.release)
			if got := read(t, bufio.NewReader(post), "POST"); got.body != "a" {
				t.Errorf("the POST got %d %q", got.StatusCode, got.body)
			}
		})
	}
}

func TestCancel_SparesRequestsWithoutAnotherTarget(t *testing.T) {
	h, other := newHoldingApp(t, "a"), app(t, "b", nil)
	alone, both := mount(t, "/alone", route.Strip, h.Target), mount(t, "/both", route.Strip, h.Target)
	p := start(t, Config{}, alone, both)
	conn := p.send(t, requestOf("GET", "/alone/hold", ""))
	<-h.asked
	sick := inState(route.Unhealthy, h.Target)
	alone.Targets, both.Targets = []route.Target{sick}, []route.Target{sick, other}
	p.SetTable(route.Build([]route.Route{alone, both}, nil))
	awaitCancellation(t)
	close(h.release)
	if got := read(t, bufio.NewReader(conn), "GET"); got.body != "a" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

// awaitCancellation waits until the gateway has cancelled requests: it cancels one of another proxy.
func awaitCancellation(t *testing.T) {
	t.Helper()
	probe := start(t, Config{})
	h := newHoldingApp(t, "probe")
	r := mount(t, "/probe", route.Strip, h.Target)
	probe.put(r, h.Target)
	conn := probe.send(t, requestOf("GET", "/probe/hold", ""))
	<-h.asked
	probe.put(r, app(t, "other", nil))
	read(t, bufio.NewReader(conn), "GET")
}

func TestDrain_ClosesIdleConnections(t *testing.T) {
	var open atomic.Int64
	held, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			held <- struct{}{}
			<-release
		}
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	server.Start()
	defer server.Close()
	was := at("a", server.Listener.Addr().String())
	r := mount(t, "/x", route.Strip, was)
	p := start(t, Config{}, r)
	conn := p.send(t, requestOf("POST", "/x/", "hello"))
	<-held
	p.do(t, "GET", "/x/")
	if n := open.Load(); n != 2 {
		t.Fatalf("%d connections, want one in use and one that is kept", n)
	}
	p.put(r, inState(route.Draining, was), app(t, "b", nil))
	eventually(t, "the kept connection is closed", func() bool { return open.Load() == 1 })
	close(release)
	read(t, bufio.NewReader(conn), "POST")
	eventually(t, "the other one is closed after its response", func() bool { return open.Load() == 0 })
}

func TestDrain_RetriesRequestsWithoutAResponseInTime(t *testing.T) {
	t.Parallel()
	h, other := newHoldingApp(t, "a"), app(t, "b", nil)
	r := mount(t, "/x", route.Strip, h.Target)
	r.Drain = time.Millisecond
	p := start(t, Config{}, r)
	get, post := p.send(t, requestOf("GET", "/x/hold", "")), p.send(t, requestOf("POST", "/x/hold", "hello"))
	<-h.asked
	<-h.asked
	p.put(r, inState(route.Draining, h.Target), other)
	if got := read(t, bufio.NewReader(get), "GET"); got.body != "b GET /hold" {
		t.Errorf("the GET got %d %q", got.StatusCode, got.body)
	}
	if got := read(t, bufio.NewReader(post), "POST"); got.StatusCode != 504 {
		t.Errorf("the POST got %d %q", got.StatusCode, got.body)
	}
}
