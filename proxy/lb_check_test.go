package proxy

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gateway/proxy/route"
)

// checkedApp is an app whose health the test sets.
type checkedApp struct {
	route.Target
	// status is the response to checks; they wait as long as it is 0.
	status atomic.Int32
	// asked counts the requests of clients, checked those of checks.
	asked, checked atomic.Int32
	// held receives a value for each request that waits for release.
	held, release chan struct{}
}

func newCheckedApp(t *testing.T, name string, status int32) *checkedApp {
	t.Helper()
	p := &checkedApp{held: make(chan struct{}, 10), release: make(chan struct{})}
	p.status.Store(status)
	ended := make(chan struct{})
	p.Target = app(t, name, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/up") {
			p.checked.Add(1)
			if r.URL.RawQuery == "bad" {
				w.WriteHeader(500)
				return
			}
			p.respondToCheck(w, r, ended)
			return
		}
		p.asked.Add(1)
		if r.URL.Path == "/hold" {
			p.held <- struct{}{}
			select {
			case <-p.release:
			case <-ended:
			}
		}
		fmt.Fprint(w, name)
	})
	t.Cleanup(func() { close(ended) })
	return p
}

// respondToCheck responds once there is a status.
func (p *checkedApp) respondToCheck(w http.ResponseWriter, r *http.Request, ended chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for p.status.Load() == 0 {
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-ended:
			return
		}
	}
	w.WriteHeader(int(p.status.Load()))
}

// checkedRoute is a route whose targets are checked very often.
func checkedRoute(t *testing.T, targets ...route.Target) route.Route {
	t.Helper()
	r := mount(t, "/x", route.Strip, targets...)
	r.Check = route.Check{Path: "/up", Interval: 2 * time.Millisecond, Timeout: time.Hour, Rise: 2, Fall: 2}
	return r
}

// shows waits until a target is shown with that health.
func (p *running) shows(t *testing.T, name, health string) {
	t.Helper()
	eventually(t, name+" is "+health, func() bool { return shownTarget(t, p.Server, name).Health == health })
}

// goesTo sends requests, all of which that target must get.
func (p *running) goesTo(t *testing.T, name string) {
	t.Helper()
	for range 30 {
		if got := p.do(t, "GET", "/x/"); got.body != name {
			t.Fatalf("got %q with %d, want %s", got.body, got.StatusCode, name)
		}
	}
}

func TestCheck_SendsNoRequestsToTargetsThatHaveNotPassed(t *testing.T) {
	a, b := newCheckedApp(t, "a", 200), newCheckedApp(t, "b", 0)
	r := checkedRoute(t, a.Target)
	p := start(t, Config{}, r)
	p.shows(t, "a", "passing")
	p.put(r, a.Target, b.Target)
	p.shows(t, "b", "unchecked")
	p.goesTo(t, "a")
	b.status.Store(204)
	p.shows(t, "b", "passing")
	eventually(t, "the new target is asked", func() bool { return p.do(t, "GET", "/x/").body == "b" })
}

func TestCheck_SendsNoRequestsToTargetsThatFail(t *testing.T) {
	a, b := newCheckedApp(t, "a", 200), newCheckedApp(t, "b", 200)
	r := checkedRoute(t, a.Target, b.Target)
	p := start(t, Config{}, r)
	p.shows(t, "a", "passing")
	p.shows(t, "b", "passing")
	b.status.Store(503)
	p.shows(t, "b", "failing")
	p.goesTo(t, "a")
	if n := p.log.lines("a target fails its health check"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, p.log)
	}
	// From now on no check of it ends, so that its last verdict stays.
	b.status.Store(0)
	other := mount(t, "/other", route.Strip, a.Target)
	for range 20 {
		p.SetTable(route.Build([]route.Route{r, other}, nil))
		p.SetTable(route.Build([]route.Route{r}, nil))
		p.shows(t, "b", "failing")
	}
	p.goesTo(t, "a")
	// The verdict also stays when the check changes.
	r.Check.Path = "/up?more"
	before := b.checked.Load()
	p.put(r, a.Target, b.Target)
	eventually(t, "it is checked in the new way", func() bool { return b.checked.Load() > before })
	p.shows(t, "b", "failing")
	p.goesTo(t, "a")
	b.status.Store(200)
	p.shows(t, "b", "passing")
	eventually(t, "it is asked again", func() bool { return p.do(t, "GET", "/x/").body == "b" })
}

func TestCheck_RespondsUnhealthyWhenAllFail(t *testing.T) {
	a, b := newCheckedApp(t, "a", 500), newCheckedApp(t, "b", 500)
	p := start(t, Config{}, checkedRoute(t, a.Target, b.Target))
	p.shows(t, "a", "failing")
	p.shows(t, "b", "failing")
	got := p.do(t, "GET", "/x/", "Accept: application/json")
	if got.StatusCode != 503 || !strings.Contains(got.body, `"unhealthy"`) || got.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if n := a.asked.Load() + b.asked.Load(); n != 0 {
		t.Errorf("they were asked %d times", n)
	}
}

func TestCheck_LetsRequestsWaitUntilOnePasses(t *testing.T) {
	a := newCheckedApp(t, "a", 500)
	p := start(t, Config{Hold: time.Hour}, checkedRoute(t, a.Target))
	p.shows(t, "a", "failing")
	conn := p.send(t, inChunks("POST", "/x/", "hello"))
	p.held(t, "/x", 1)
	a.status.Store(200)
	if got := read(t, bufio.NewReader(conn), "POST"); got.body != "a" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

func TestCheck_CancelsRequestsWaitingForATargetThatFails(t *testing.T) {
	t.Parallel()
	a, b := newCheckedApp(t, "a", 200), newCheckedApp(t, "b", 200)
	r := checkedRoute(t, a.Target)
	p := start(t, Config{}, r)
	p.shows(t, "a", "passing")
	get, post := p.send(t, requestOf("GET", "/x/hold", "")), p.send(t, requestOf("POST", "/x/hold", "hello"))
	<-a.held
	<-a.held
	p.put(r, a.Target, b.Target)
	p.shows(t, "b", "passing")
	close(b.release)
	a.status.Store(500)
	if got := read(t, bufio.NewReader(get), "GET"); got.body != "b" {
		t.Errorf("the GET got %d %q", got.StatusCode, got.body)
	}
	close(a.release)
	if got := read(t, bufio.NewReader(post), "POST"); got.body != "a" {
		t.Errorf("the POST got %d %q", got.StatusCode, got.body)
	}
}

func TestCheck_CancelsNoRequestWithoutAnotherTarget(t *testing.T) {
	t.Parallel()
	a, b := newCheckedApp(t, "a", 200), newCheckedApp(t, "b", 200)
	r, alone := checkedRoute(t, a.Target, b.Target), mount(t, "/zoo", route.Strip, a.Target)
	p := start(t, Config{}, r, alone)
	p.shows(t, "b", "passing")
	conn := p.send(t, requestOf("GET", "/zoo/hold", ""))
	<-a.held
	a.status.Store(500)
	p.shows(t, "a", "failing")
	awaitCancellation(t)
	close(a.release)
	if got := read(t, bufio.NewReader(conn), "GET"); got.body != "a" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}
