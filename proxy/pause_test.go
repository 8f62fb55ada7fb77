package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/live"
	"gateway/proxy/route"
)

// order is a pause as the admin API asks for it.
func order(message string, wait time.Duration) admin.Pause {
	return admin.Pause{Message: message, Wait: wait.Milliseconds()}
}

func pauseRoute(t *testing.T, s *Server, key string, o admin.Pause) admin.Pause {
	t.Helper()
	paused, err := s.Pause(key, o)
	if err != nil {
		t.Fatal(err)
	}
	return paused
}

// shown is how the admin API shows that a route is paused, nil when it is not.
func shown(t *testing.T, s *Server, key string) *admin.Pause {
	t.Helper()
	for _, r := range s.Routes().Routes {
		if r.Key == key {
			return r.Paused
		}
	}
	t.Fatalf("there is no route %s", key)
	return nil
}

// ask sends a request and returns the connection for the response.
func (p *running) ask(t *testing.T, request string) net.Conn {
	t.Helper()
	conn := p.dial(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// waiting waits until that many requests of a paused route are waiting.
func (p *running) waiting(t *testing.T, key string, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d requests wait", n), func() bool {
		paused := shown(t, p.Server, key)
		return paused != nil && paused.Waiting == n
	})
}

// recorded waits until that many requests of a route are recorded, and returns them.
func (p *running) recorded(t *testing.T, key string, n int) (last []admin.Request) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d requests are recorded", n), func() bool {
		last, _ = p.Requests(key)
		return len(last) == n
	})
	return last
}

func resumeRoute(t *testing.T, s *Server, key string) admin.Pause {
	t.Helper()
	was, err := s.Resume(key, "")
	if err != nil {
		t.Fatal(err)
	}
	return was
}

const getA = "GET /a/x HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"

func TestPause_IsShownAndSurvivesARestart(t *testing.T) {
	folder := t.TempDir()
	s, _ := fresh(t, folder)
	s.SetTable(tableOf(t, "/a", "/b"))
	paused := pauseRoute(t, s, "/a", order("back at five", time.Minute))
	if got := shown(t, s, "/a"); got == nil || *got != paused || shown(t, s, "/b") != nil {
		t.Errorf("shown as %+v, want %+v", got, paused)
	}
	s, _ = fresh(t, folder)
	if got := shown(t, s, "/a"); got == nil || got.Message != "back at five" {
		t.Errorf("after a restart it is shown as %+v", got)
	}
	if _, err := s.Resume("/a", ""); err != nil || shown(t, s, "/a") != nil {
		t.Errorf("resumed, it is shown as %+v, %v", shown(t, s, "/a"), err)
	}
}

func TestPause_LetsRequestsWaitInOrder(t *testing.T) {
	var mu sync.Mutex
	var order []string
	p := start(t, Config{}, mount(t, "/a", route.Strip, app(t, "a", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		order = append(order, r.URL.Path)
		fmt.Fprintf(w, "%s %s", r.URL.Path, body)
	})), mount(t, "/b", route.Strip, app(t, "b", nil)))
	pauseRoute(t, p.Server, "/a", admin.Pause{Wait: admin.MaxWait.Milliseconds()})
	var conns []net.Conn
	for i := range 5 {
		// The next one is sent when this one waits, so that the order is known.
		conns = append(conns, p.ask(t, fmt.Sprintf("POST /a/%d HTTP/1.1\r\nHost: example.org\r\nContent-Length: 4\r\n\r\nbody", i)))
		p.waiting(t, "/a", i+1)
	}
	if got := p.do(t, "GET", "/b/x"); got.StatusCode != 200 {
		t.Errorf("a route that is not paused: %d", got.StatusCode)
	}
	eventually(t, "5 are under way", func() bool { return p.Status().Proxy.Inflight == 5 })
	if was := resumeRoute(t, p.Server, "/a"); was.Waiting != 5 {
		t.Errorf("%d waited, want 5", was.Waiting)
	}
	for i, conn := range conns {
		if got := read(t, bufio.NewReader(conn), "POST"); got.StatusCode != 200 || got.body != fmt.Sprintf("/%d body", i) {
			t.Errorf("request %d: %d %q", i, got.StatusCode, got.body)
		}
	}
	if len(order) != 5 {
		t.Errorf("the app received %v", order)
	}
}

func TestPause_RespondsWithTheOwnersMessage(t *testing.T) {
	var asked atomic.Int32
	p := start(t, Config{}, mount(t, "/a", route.Strip, app(t, "a", func(http.ResponseWriter, *http.Request) { asked.Add(1) })))
	for _, wait := range []time.Duration{0, 10 * time.Millisecond} {
		pauseRoute(t, p.Server, "/a", order("Back at <five>", wait))
		got := p.do(t, "GET", "/a/x", "Accept: text/html")
		if got.StatusCode != 503 || got.Header.Get("Retry-After") == "" || !strings.Contains(got.body, "<p>Back at &lt;five&gt;</p>") {
			t.Errorf("waiting %v: %d %s", wait, got.StatusCode, got.body)
		}
		if n := shown(t, p.Server, "/a").Waiting; n != 0 {
			t.Errorf("%d still wait", n)
		}
	}
	// The connection stays open, and the body of a request that was not forwarded is not read as a request.
	conn := p.ask(t, "POST /a/x HTTP/1.1\r\nHost: example.org\r\nContent-Length: 4\r\n\r\nbodyGET /a/x HTTP/1.1\r\nHost: example.org\r\n\r\n")
	reader := bufio.NewReader(conn)
	for _, method := range []string{"POST", "GET"} {
		if got := read(t, reader, method); got.StatusCode != 503 || !strings.Contains(got.body, "Back at <five>") {
			t.Errorf("%s: %d %s", method, got.StatusCode, got.body)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the app got %d requests while it was paused", n)
	}
	for i, r := range p.recorded(t, "/a", 4) {
		if r.Status != 503 || r.Target != "" {
			t.Errorf("record %d is %+v", i, r)
		}
	}
}

func TestPause_BoundsHowManyWait(t *testing.T) {
	p := start(t, Config{}, mount(t, "/a", route.Strip, app(t, "a", nil)))
	pauseRoute(t, p.Server, "/a", order("full", time.Minute))
	line := p.pauses.Of(p.current.Load().Table.Routes()[0].Key, time.Now())
	for range live.MaxWaiting - 1 {
		line.Join()
	}
	p.ask(t, getA)
	p.waiting(t, "/a", live.MaxWaiting)
	if got := p.do(t, "GET", "/a/x"); got.StatusCode != 503 || !strings.Contains(got.body, "full") {
		t.Errorf("one too many: %d %s", got.StatusCode, got.body)
	}
}

func TestPause_EndsWithTheGateway(t *testing.T) {
	p := start(t, Config{}, mount(t, "/a", route.Strip, app(t, "a", nil)))
	pauseRoute(t, p.Server, "/a", order("", admin.MaxWait))
	var conns []net.Conn
	for range 3 {
		conns = append(conns, p.ask(t, getA))
	}
	p.waiting(t, "/a", 3)
	began := time.Now()
	p.stop()
	for _, conn := range conns {
		if got := read(t, bufio.NewReader(conn), "GET"); got.StatusCode != 503 || !strings.Contains(got.body, "paused") {
			t.Errorf("%d %s", got.StatusCode, got.body)
		}
	}
	if err := <-p.ended; err != nil || time.Since(began) >= Grace {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestPause_ContinuesWithTheCurrentTable(t *testing.T) {
	old, fresh := app(t, "old", nil), app(t, "new", nil)
	p := start(t, Config{}, mount(t, "/a", route.Strip, old))
	asked := order("", time.Minute)
	pauseRoute(t, p.Server, "/a", asked)
	conn := p.ask(t, getA)
	p.waiting(t, "/a", 1)
	p.SetTable(route.Build([]route.Route{mount(t, "/a", route.Strip, fresh)}, nil))
	asked.Until = time.Now().Add(50 * time.Millisecond)
	pauseRoute(t, p.Server, "/a", asked)
	if got := read(t, bufio.NewReader(conn), "GET"); got.StatusCode != 200 || !strings.HasPrefix(got.body, "new") {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
	eventually(t, "the pause is forgotten", func() bool { return p.pauses.Len() == 0 })
}

func TestPause_ReleasesManyRequestsEvenly(t *testing.T) {
	const crowd = 300
	var counts [3]atomic.Int32
	hold := make(chan struct{})
	var targets []route.Target
	for i := range counts {
		targets = append(targets, app(t, fmt.Sprint("a", i), func(http.ResponseWriter, *http.Request) { counts[i].Add(1); <-hold }))
	}
	p := start(t, Config{}, mount(t, "/a", route.Strip, targets...))
	pauseRoute(t, p.Server, "/a", order("", time.Minute))
	var conns []net.Conn
	for range crowd {
		conns = append(conns, p.ask(t, getA))
	}
	p.waiting(t, "/a", crowd)
	resumeRoute(t, p.Server, "/a")
	eventually(t, "all are under way", func() bool { return counts[0].Load()+counts[1].Load()+counts[2].Load() == crowd })
	for i := range counts {
		if n := counts[i].Load(); n < crowd/3-5 || n > crowd/3+5 {
			t.Errorf("target %d got %d of %d", i, n, crowd)
		}
	}
	close(hold)
	for _, conn := range conns {
		if got := read(t, bufio.NewReader(conn), "GET"); got.StatusCode != 200 {
			t.Errorf("%d", got.StatusCode)
		}
	}
}
