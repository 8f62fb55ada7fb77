package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/live"
	"gateway/proxy/request"
	"gateway/proxy/route"
)

// held waits until that many requests wait for a target of the route.
func (p *running) held(t *testing.T, key string, n int) {
	t.Helper()
	parsed, err := route.ParseKey(key)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, fmt.Sprintf("%d requests wait", n), func() bool {
		return p.current.Load().Lookup(parsed).Outage.Waiting() == n
	})
}

// mixed are requests of several kinds, and the response of echoSize to each.
var mixed = []struct{ method, text, want string }{
	{"GET", requestOf("GET", "/x/", ""), "GET 0"},
	{"POST", requestOf("POST", "/x/", strings.Repeat("x", 100)), "POST 100"},
	{"POST", inChunks("POST", "/x/", strings.Repeat("x", 100_000)), "POST 100000"},
	{"PUT", requestOf("PUT", "/x/", strings.Repeat("x", 200_000)), "PUT 200000"},
	{"DELETE", requestOf("DELETE", "/x/", ""), "DELETE 0"},
}

func echoSize(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	fmt.Fprintf(w, "%s %d", r.Method, n)
}

// send sends a request while the test goes on. The response comes over the connection.
func (p *running) send(t *testing.T, text string) net.Conn {
	t.Helper()
	conn, sent := p.dial(t), make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(conn, text)
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-sent
	})
	return conn
}

func TestHold_UntilTheAppIsBackElsewhere(t *testing.T) {
	was := app(t, "was", nil)
	r := mount(t, "/x", route.Strip, was)
	r.Balance = route.RoundRobin
	p := start(t, Config{Hold: patience}, r)
	p.do(t, "GET", "/x/")
	r.Targets = []route.Target{inState(route.Stopped, was)}
	p.SetTable(route.Build([]route.Route{r}, nil))
	var conns []net.Conn
	for i, m := range mixed {
		conns = append(conns, p.send(t, m.text))
		p.held(t, "/x", i+1)
	}
	// Tables without a new target change nothing.
	r.Targets = []route.Target{inState(route.Starting, at("new", ""))}
	p.SetTable(route.Build([]route.Route{r}, nil))
	p.held(t, "/x", len(mixed))
	// The targets take turns, so the names in the responses show the order.
	r.Targets = nil
	for i := range mixed {
		name := string(rune('0' + i))
		r.Targets = append(r.Targets, app(t, name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Name", name)
			echoSize(w, r)
		}))
	}
	p.SetTable(route.Build([]route.Route{r}, nil))
	order := ""
	for i, m := range mixed {
		got := read(t, bufio.NewReader(conns[i]), m.method)
		if got.StatusCode != 200 || got.body != m.want {
			t.Errorf("%s: %d %q", m.want, got.StatusCode, got.body)
		}
		order += got.Header.Get("X-Name")
	}
	if !strings.Contains("0123401234", order) || len(order) != len(mixed) {
		t.Errorf("they continued in the order %s", order)
	}
	p.held(t, "/x", 0)
}

func TestHold_UntilTheAppIsBackAtItsAddress(t *testing.T) {
	address := deadAddress(t)
	p := start(t, Config{Hold: patience}, mount(t, "/x", route.Strip, at("x", address)))
	var conns []net.Conn
	for _, m := range mixed {
		conns = append(conns, p.send(t, m.text))
	}
	eventually(t, "all are under way", func() bool { return p.Status().Proxy.Inflight == int64(len(mixed)) })
	p.held(t, "/x", len(mixed))
	listenAgain(t, address, echoSize)
	for i, m := range mixed {
		if got := read(t, bufio.NewReader(conns[i]), m.method); got.StatusCode != 200 || got.body != m.want {
			t.Errorf("%s: %d %q", m.want, got.StatusCode, got.body)
		}
	}
	if n := p.log.lines("does not accept connections"); n != 1 {
		t.Errorf("it was logged %d times, want once:\n%s", n, p.log)
	}
}

func TestHold_WhenTheOnlyTargetBreaksOff(t *testing.T) {
	f := newTargetSet(t, 1, func(turn int, _ string, w http.ResponseWriter, r *http.Request) {
		if turn <= 2 {
			breakOff(w, r)
		}
	})
	p := start(t, Config{Hold: patience}, mount(t, "/x", route.Strip, f.targets...))
	if got := p.do(t, "GET", "/x/"); got.StatusCode != 200 || len(f.requests()) != 3 {
		t.Errorf("%d after %v", got.StatusCode, f.requests())
	}
}

func TestHold_UntilAVanishedRouteReturns(t *testing.T) {
	was := app(t, "was", nil)
	r := mount(t, "/x", route.Strip, was)
	p := start(t, Config{Hold: time.Hour}, r)
	for _, last := range []route.Target{inState(route.Stopped, was), at("dead", deadAddress(t))} {
		r.Targets = []route.Target{last}
		p.SetTable(route.Build([]route.Route{r}, nil))
		conn := p.send(t, requestOf("POST", "/x/", "hello"))
		p.held(t, "/x", 1)
		p.SetTable(route.Build(nil, nil))
		r.Targets = []route.Target{app(t, "new", nil)}
		p.SetTable(route.Build([]route.Route{r}, nil))
		if got := read(t, bufio.NewReader(conn), "POST"); got.body != "new POST /" {
			t.Errorf("%d %q", got.StatusCode, got.body)
		}
	}
}

func TestHold_BeginsWhenAPauseIsOver(t *testing.T) {
	t.Parallel()
	const hold = 400 * time.Millisecond
	address := deadAddress(t)
	p := start(t, Config{Hold: hold}, mount(t, "/a", route.Strip, at("a", address)))
	pauseRoute(t, p.Server, "/a", order("", time.Minute))
	conn := p.ask(t, getA)
	p.waiting(t, "/a", 1)
	came := time.Now()
	eventually(t, "it waited for longer than it may when nothing is paused", func() bool { return time.Since(came) > hold })
	resumeRoute(t, p.Server, "/a")
	p.held(t, "/a", 1)
	listenAgain(t, address, func(http.ResponseWriter, *http.Request) {})
	if got := read(t, bufio.NewReader(conn), "GET"); got.StatusCode != 200 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// A request that waited here would wait for longer than the test does.
func TestHold_RespondsAtOnceWhereWaitingIsInVain(t *testing.T) {
	was := app(t, "was", nil)
	stopped, dead, never := mount(t, "/stopped", route.Strip, was), mount(t, "/dead", route.Strip, at("dead", deadAddress(t))), mount(t, "/never", route.Strip, was)
	never.Targets = []route.Target{inState(route.Starting, at("never", ""))}
	p := start(t, Config{Hold: time.Hour}, stopped, dead, never)
	stopped.Targets = []route.Target{inState(route.Stopped, was)}
	p.SetTable(route.Build([]route.Route{stopped, dead, never}, nil))
	for _, r := range p.current.Load().Routes() {
		if r.Key != "/never" {
			r.Outage.End()
			r.Outage.Begin(time.Now().Add(-2 * time.Hour))
		}
	}
	for path, want := range map[string]string{"/stopped/": "503 stopped", "/dead/": "502 unreachable", "/never/": "503 starting"} {
		got := p.do(t, "GET", path, "Accept: application/json")
		if _, code, _ := strings.Cut(got.body, `"code":"`); !strings.HasPrefix(fmt.Sprint(got.StatusCode, " ", code), want) || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s, want %s", path, got.StatusCode, got.body, want)
		}
	}
	// A target that is ready again after that long may need a moment until it accepts connections.
	address := deadAddress(t)
	stopped.Targets = []route.Target{at("new", address)}
	p.SetTable(route.Build([]route.Route{stopped, dead, never}, nil))
	conn := p.send(t, requestOf("POST", "/stopped/", "hello"))
	p.held(t, "/stopped", 1)
	listenAgain(t, address, echoSize)
	if got := read(t, bufio.NewReader(conn), "POST"); got.body != "POST 5" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

func TestHold_EndsWithTheTimeOfTheExchange(t *testing.T) {
	p := start(t, Config{Hold: time.Hour, Timeouts: engine.Timeouts{Total: 50 * time.Millisecond}},
		mount(t, "/x", route.Strip, at("dead", deadAddress(t))))
	if got := p.do(t, "GET", "/x/"); got.StatusCode != 504 {
		t.Errorf("%d, want 504", got.StatusCode)
	}
}

func TestHold_RecordsClientsThatLeave(t *testing.T) {
	p := start(t, Config{Hold: time.Hour}, mount(t, "/x", route.Strip, at("dead", deadAddress(t))))
	conn := p.send(t, requestOf("GET", "/x/", ""))
	p.held(t, "/x", 1)
	_ = conn.Close()
	p.held(t, "/x", 0)
	if last := p.recorded(t, "/x", 1); last[0].Status != request.StatusGone || p.Status().Proxy.Inflight != 0 {
		t.Errorf("%+v", last)
	}
}

func TestHold_BoundsHowManyWait(t *testing.T) {
	was := app(t, "x", nil)
	r := mount(t, "/x", route.Strip, was)
	p := start(t, Config{Hold: patience}, r)
	r.Targets = []route.Target{inState(route.Stopped, was)}
	p.SetTable(route.Build([]route.Route{r}, nil))
	var conns []net.Conn
	for range live.MaxWaiting {
		conns = append(conns, p.ask(t, requestOf("POST", "/x/", "hello")))
	}
	p.held(t, "/x", live.MaxWaiting)
	if got := p.do(t, "GET", "/x/"); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %d", got.StatusCode)
	}
	_ = conns[0].Close()
	p.held(t, "/x", live.MaxWaiting-1)
	conns[0] = p.ask(t, requestOf("POST", "/x/", "hello"))
	p.held(t, "/x", live.MaxWaiting)
	f := newTargetSet(t, 2, func(_ int, _ string, w http.ResponseWriter, r *http.Request) { echoSize(w, r) })
	r.Targets = f.targets
	p.SetTable(route.Build([]route.Route{r}, nil))
	for i, conn := range conns {
		if got := read(t, bufio.NewReader(conn), "POST"); got.body != "POST 5" {
			t.Fatalf("request %d: %d %q", i, got.StatusCode, got.body)
		}
	}
	// The faster one of the two gets more.
	if n := f.count("a"); n < live.MaxWaiting/10 || n > live.MaxWaiting*9/10 {
		t.Errorf("one of two targets got %d of %d requests", n, live.MaxWaiting)
	}
}

func TestServe_RespondsToWaitingRequestsWhenItEnds(t *testing.T) {
	was := app(t, "was", nil)
	r, gone := mount(t, "/x", route.Strip, was), mount(t, "/gone", route.Strip, was)
	// Without a response it would not end within the time of the test.
	p := start(t, Config{Hold: time.Hour, Grace: time.Hour}, r, gone, mount(t, "/dead", route.Strip, at("dead", deadAddress(t))))
	r.Targets = []route.Target{inState(route.Stopped, was)}
	p.SetTable(route.Build([]route.Route{r, mount(t, "/dead", route.Strip, at("dead", deadAddress(t)))}, nil))
	conns := map[string]net.Conn{}
	for _, path := range []string{"/x/", "/gone/", "/dead/"} {
		conns[path] = p.send(t, requestOf("POST", path, "hello"))
	}
	p.held(t, "/x", 1)
	p.held(t, "/dead", 1)
	eventually(t, "it waits for its route", func() bool { return p.tables.Waiting() == 1 })
	p.stop()
	for path, want := range map[string][]int{"/x/": {503}, "/gone/": {404}, "/dead/": {502}} {
		if got := read(t, bufio.NewReader(conns[path]), "POST"); !slices.Contains(want, got.StatusCode) {
			t.Errorf("%s: %d, want %v", path, got.StatusCode, want)
		}
	}
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}
