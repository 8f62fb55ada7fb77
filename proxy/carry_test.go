package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gateway/proxy/admin"
	"gateway/proxy/request"
	"gateway/proxy/route"
)

func TestProxy_RespondsForTargetsThatFail(t *testing.T) {
	broken := app(t, "broken", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		_, _ = io.WriteString(conn, "no HTTP at all\r\n\r\n")
		_ = conn.Close()
	})
	p := start(t, Config{},
		mount(t, "/dead", route.Strip, at("dead", deadAddress(t))),
		mount(t, "/broken", route.Strip, broken))
	for path, code := range map[string]string{"/dead/": "unreachable", "/broken/": "bad_answer"} {
		got := p.do(t, "GET", path, "Accept: application/json")
		if got.StatusCode != 502 || !strings.Contains(got.body, `"code":"`+code+`"`) {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	var requests []admin.Request
	eventually(t, "the request is recorded", func() bool { requests, _ = p.Requests("/dead"); return len(requests) == 1 })
	if requests[0].Status != 502 || requests[0].Target != "" || requests[0].Path != "/dead/" {
		t.Errorf("recorded: %+v", requests)
	}
}

func TestProxy_RefusesBodiesThatBreakOff(t *testing.T) {
	p := start(t, Config{}, mount(t, "/x", route.Strip, app(t, "sink", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	})))
	got := p.raw(t, "POST", "POST /x/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
	if got.StatusCode != 400 {
		t.Errorf("%d, want 400: the mistake is the client's", got.StatusCode)
	}
}

func TestProxy_RecordsClientsThatLeave(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	slow := app(t, "slow", func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	})
	defer close(release)
	p := start(t, Config{}, mount(t, "/slow", route.Strip, slow))
	conn := p.dial(t)
	_, _ = io.WriteString(conn, "GET /slow/ HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	resetConn(conn)
	var last []admin.Request
	eventually(t, "the request is recorded", func() bool { last, _ = p.Requests("/slow"); return len(last) == 1 })
	if last[0].Status != request.StatusGone {
		t.Errorf("status %d, want %d", last[0].Status, request.StatusGone)
	}
	if strings.Contains(p.log.String(), "level=WARN") || strings.Contains(p.log.String(), "level=ERROR") {
		t.Errorf("a client that leaves is no fault:\n%s", p.log)
	}
	if got := p.Status().Proxy; got.Inflight != 0 || got.Requests != 1 {
		t.Errorf("%+v", got)
	}
}

func TestProxy_SpeaksTheTargetsScheme(t *testing.T) {
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s tls=%v %s %s", r.Proto, r.TLS != nil, r.RequestURI, r.Host)
	})
	secure := httptest.NewTLSServer(show)
	defer secure.Close()
	one, two := at("https", secure.Listener.Addr().String()), appH2C(t, "h2c", show)
	one.Scheme = route.HTTPS
	wrong := one
	wrong.Address = two.Address
	p := start(t, Config{}, mount(t, "/https", route.Strip, one), mount(t, "/h2c", route.Strip, two), mount(t, "/wrong", route.Strip, wrong))
	defer p.stop()
	if got := p.do(t, "GET", "/https/a%2Fb?c;d"); got.body != "HTTP/1.1 tls=true /a%2Fb?c;d example.org" {
		t.Errorf("https: %q", got.body)
	}
	if got := p.do(t, "GET", "/h2c/a%2Fb?c;d"); got.body != "HTTP/2.0 tls=false /a%2Fb?c;d example.org" {
		t.Errorf("h2c: %q", got.body)
	}
	if got := p.do(t, "GET", "/wrong/"); got.StatusCode != 502 {
		t.Errorf("TLS to a port without: %d, want 502", got.StatusCode)
	}
}

func TestProxy_RelaysEarlyHintsMapped(t *testing.T) {
	hints := app(t, "hints", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "done")
	})
	p := start(t, Config{}, mount(t, "/h", route.Strip, hints))
	conn := p.dial(t)
	_, _ = io.WriteString(conn, "GET /h/ HTTP/1.1\r\nHost: h\r\n\r\n")
	r := bufio.NewReader(conn)
	early, err := http.ReadResponse(r, nil)
	if err != nil || early.StatusCode != 103 || early.Header.Get("Link") != "</h/style.css>; rel=preload" {
		t.Fatalf("%+v, %v", early, err)
	}
	final := read(t, r, "GET")
	if final.StatusCode != 200 || final.body != "done" || len(final.Header["X-Request-Id"]) != 1 {
		t.Errorf("%d %q %v", final.StatusCode, final.body, final.Header)
	}
}

func TestProxy_SharesLoadAmongTargets(t *testing.T) {
	const n = 3
	var together sync.WaitGroup
	together.Add(n)
	meet := func(http.ResponseWriter, *http.Request) { together.Done(); together.Wait() }
	p := start(t, Config{}, mount(t, "/x", route.Strip, app(t, "a", meet), app(t, "b", meet), app(t, "c", meet)))
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			resp, err := http.Get("http://" + p.address + "/x/")
			if err == nil {
				err = resp.Body.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// The client can read a response a moment before it is counted.
	eventually(t, "all requests are counted", func() bool {
		figures := p.Routes().Routes[0].Traffic
		return figures.Requests == n && figures.Inflight == 0
	})
	for _, target := range p.current.Load().Routes()[0].Targets {
		if n := target.Balance.Inflight(); n != 0 {
			t.Errorf("%s still counts %d under way", target.Address, n)
		}
	}
}

func TestProxy_ClosesItsConnectionsToATargetThatLeaves(t *testing.T) {
	var open, closed atomic.Int64
	leaving := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	leaving.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
			closed.Add(1)
		}
	}
	leaving.Start()
	defer leaving.Close()
	target := at("leaving", leaving.Listener.Addr().String())
	p := start(t, Config{}, mount(t, "/x", route.Strip, target), mount(t, "/y", route.Strip, target))
	p.do(t, "GET", "/x/")
	p.SetTable(route.Build([]route.Route{mount(t, "/y", route.Strip, target)}, nil))
	p.do(t, "GET", "/y/")
	// A client has its response a moment before the connection to the target can be used again, so there may be two.
	if n := closed.Load(); n != 0 {
		t.Errorf("%d connections were closed to a target that still has a route", n)
	}
	p.SetTable(route.Build(nil, nil))
	eventually(t, "the connection to a target that left is closed", func() bool { return open.Load() == 0 })
}

func TestProxy_RespondsWithTheStateOfATargetThatStopsMeanwhile(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	going := at("going", l.Addr().String())
	going.Scheme = route.HTTPS
	p := start(t, Config{}, mount(t, "/x", route.Strip, going))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		// The container stopped between the choice of the target and the connection.
		stopped := at("going", "")
		stopped.State = route.Stopped
		p.SetTable(route.Build([]route.Route{mount(t, "/x", route.Strip, stopped)}, nil))
		conn.Close()
	}()
	got := p.do(t, http.MethodGet, "/x/", "Accept: application/json")
	if got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got.body, `"stopped"`) {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	<-ended
}
