package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"gateway/proxy/route"
)

func TestEjection_OfATargetThatRefuses(t *testing.T) {
	t.Parallel()
	address := deadAddress(t)
	dead := at("dead", address)
	p := start(t, Config{}, mount(t, "/x", route.Strip, dead, app(t, "alive", nil)))
	c := keepingClient(t)
	for range 50 {
		if status, body := fetch(t, p, c, "/x/"); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	if n := p.log.lines("does not accept connections"); n != 1 {
		t.Errorf("it was logged %d times, want once:\n%s", n, p.log)
	}
	if shown := shownTarget(t, p.Server, "dead"); !shown.Ejected || shown.Health != "" {
		t.Errorf("it is shown as %+v", shown)
	}
	if shown := shownTarget(t, p.Server, "alive"); shown.Ejected || !shown.EjectedUntil.IsZero() {
		t.Errorf("the other is shown as %+v", shown)
	}
	var requests atomic.Int64
	listenAgain(t, address, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	eventually(t, "the target takes requests again", func() bool {
		fetch(t, p, c, "/x/")
		return requests.Load() > 3
	})
	if n := p.log.lines("a target takes requests again"); n != 1 {
		t.Errorf("that it returned was logged %d times:\n%s", n, p.log)
	}
	if shown := shownTarget(t, p.Server, "dead"); shown.Ejected || !shown.EjectedUntil.IsZero() {
		t.Errorf("it is shown as %+v", shown)
	}
}

func TestEjection_OfATargetThatFailsMoreThanOthers(t *testing.T) {
	f := newTargetSet(t, 3, func(_ int, name string, w http.ResponseWriter, _ *http.Request) {
		if name == "b" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	p := start(t, Config{}, mount(t, "/x", route.Strip, f.targets...))
	c := keepingClient(t)
	for range 300 {
		if status, _ := fetch(t, p, c, "/x/"); status != 200 {
			t.Fatalf("a client got %d", status)
		}
	}
	if n := f.count("b"); n < 3 || n > 15 {
		t.Errorf("the one that fails got %d of 300 requests", n)
	}
	if n := p.log.lines("fails and gets no requests for a while"); n != 1 {
		t.Errorf("it was logged %d times, want once:\n%s", n, p.log)
	}
	if shown := shownTarget(t, p.Server, "b"); !shown.Ejected {
		t.Errorf("it is shown as %+v", shown)
	}
}

func TestEjection_SparesASingleTarget(t *testing.T) {
	broken := newTargetSet(t, 1, func(_ int, _ string, w http.ResponseWriter, r *http.Request) { breakOff(w, r) })
	failing := newTargetSet(t, 1, func(_ int, _ string, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	address := deadAddress(t)
	p := start(t, Config{}, mount(t, "/broken", route.Strip, broken.targets...), mount(t, "/failing", route.Strip, failing.targets...),
		mount(t, "/dead", route.Strip, at("dead", address)))
	for range 20 {
		for path, want := range map[string]int{"/broken/": 502, "/failing/": 500, "/dead/": 502} {
			if got := p.raw(t, "POST", requestOf("POST", path, "hello")); got.StatusCode != want {
				t.Fatalf("%s: %d", path, got.StatusCode)
			}
		}
	}
	if n, m := len(broken.requests()), len(failing.requests()); n != 20 || m != 20 {
		t.Errorf("they were asked %d and %d times of 20", n, m)
	}
	// However long the ejection lasts, the first request after the target came back gets through.
	listenAgain(t, address, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "back") })
	if got := p.do(t, "GET", "/dead/"); got.body != "back" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

func TestRoutes_ShowRequestsUnderWay(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	p := start(t, Config{}, mount(t, "/x", route.Strip, app(t, "a", func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	})))
	for range 2 {
		p.ask(t, strings.ReplaceAll(getA, "/a/x", "/x/"))
		<-asked
	}
	if shown := shownTarget(t, p.Server, "a"); shown.Inflight != 2 {
		t.Errorf("%+v, want 2 under way", shown)
	}
	close(release)
	eventually(t, "nothing is under way", func() bool { return shownTarget(t, p.Server, "a").Inflight == 0 })
}
