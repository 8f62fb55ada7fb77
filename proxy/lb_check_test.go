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

// patient is an app whose health the test decides about.
type patient struct {
	route.Target
	// status is what checks are answered, 0 for as long as the test has not said.
	status atomic.Int32
	// asked are the requests of clients, checked those of checks.
	asked, checked atomic.Int32
	// held is sent to when a request is there that waits for release.
	held, release chan struct{}
}

func newPatient(t *testing.T, name string, status int32) *patient {
	t.Helper()
	p := &patient{held: make(chan struct{}, 10), release: make(chan struct{})}
	p.status.Store(status)
	ended := make(chan struct{})
	p.Target = app(t, name, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/up") {
			p.checked.Add(1)
			if r.URL.RawQuery == "bad" {
				w.WriteHeader(500)
				return
			}
			p.answerCheck(w, r, ended)
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

// answerCheck waits until there is something to say.
func (p *patient) answerCheck(w http.ResponseWriter, r *http.Request, ended chan struct{}) {
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

// checkedRoute is one whose targets are checked very often.
func checkedRoute(t *testing.T, targets ...route.Target) route.Route {
	t.Helper()
	r := mount(t, "/x", route.Strip, targets...)
	r.Check = route.Check{Path: "/up", Interval: 2 * time.Millisecond, Timeout: time.Hour, Rise: 2, Fall: 2}
	return r
}

// shows waits until the checks say so of a target.
func (p *running) shows(t *testing.T, name, health string) {
	t.Helper()
	eventually(t, name+" is "+health, func() bool { return shownTarget(t, p.Server, name).Health == health })
}

// goesTo sends requests and wants each of them answered by that target.
func (p *running) goesTo(t *testing.T, name string) {
	t.Helper()
	for range 30 {
		if got := p.do(t, "GET", "/x/"); got.body != name {
			t.Fatalf("answered by %q with %d, want %s", got.body, got.StatusCode, name)
		}
	}
}

func TestCheck_KeepsRequestsFromWhatHasNotPassed(t *testing.T) {
	a, b := newPatient(t, "a", 200), newPatient(t, "b", 0)
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

func TestCheck_TakesOutWhatFails(t *testing.T) {
	a, b := newPatient(t, "a", 200), newPatient(t, "b", 200)
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
	// From now on no check of it ends, so that what is known of it is what was known.
	b.status.Store(0)
	other := mount(t, "/other", route.Strip, a.Target)
	for range 20 {
		p.SetTable(route.Build([]route.Route{r, other}, nil))
		p.SetTable(route.Build([]route.Route{r}, nil))
		p.shows(t, "b", "failing")
	}
	p.goesTo(t, "a")
	// Nor is it forgotten when it is checked in another way.
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

func TestCheck_SaysSoWhenAllFail(t *testing.T) {
	a, b := newPatient(t, "a", 500), newPatient(t, "b", 500)
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

func TestCheck_HasRequestsWaitUntilOnePasses(t *testing.T) {
	a := newPatient(t, "a", 500)
	p := start(t, Config{Hold: time.Hour}, checkedRoute(t, a.Target))
	p.shows(t, "a", "failing")
	conn := p.send(t, inChunks("POST", "/x/", "hello"))
	p.held(t, "/x", 1)
	a.status.Store(200)
	if got := read(t, bufio.NewReader(conn), "POST"); got.body != "a" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

func TestCheck_RecallsWhatWaitsForATargetThatFails(t *testing.T) {
	t.Parallel()
	a, b := newPatient(t, "a", 200), newPatient(t, "b", 200)
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

func TestCheck_RecallsNothingThatHasNowhereElseToGo(t *testing.T) {
	t.Parallel()
	a, b := newPatient(t, "a", 200), newPatient(t, "b", 200)
	r, alone := checkedRoute(t, a.Target, b.Target), mount(t, "/zoo", route.Strip, a.Target)
	p := start(t, Config{}, r, alone)
	p.shows(t, "b", "passing")
	conn := p.send(t, requestOf("GET", "/zoo/hold", ""))
	<-a.held
	a.status.Store(500)
	p.shows(t, "a", "failing")
	untilLooked(t)
	close(a.release)
	if got := read(t, bufio.NewReader(conn), "GET"); got.body != "a" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}
