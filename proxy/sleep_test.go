package proxy

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/live"
	"gateway/proxy/route"
)

// idleRoute is a route of project blog that sleeps after that idle time.
func idleRoute(t *testing.T, path string, idle time.Duration, targets ...route.Target) route.Route {
	r := mount(t, path, route.Strip, targets...)
	r.Project, r.Idle = "blog", idle
	return r
}

// being is the target in another state.
func being(t route.Target, state route.State) route.Target {
	t.State = state
	if state != route.Ready && state != route.Starting {
		t.Address = ""
	}
	return t
}

const html = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"

func (p *running) set(routes ...route.Route) { p.SetTable(route.Build(routes, nil)) }

// pendingOrders are the orders for the agent.
func pendingOrders(s *Server) string {
	var all []string
	for _, o := range s.Orders(context.Background(), "docker", "none", 0).Orders {
		all = append(all, o.Do+" "+o.Project+o.Container)
	}
	return strings.Join(all, ", ")
}

func report(t *testing.T, s *Server, phase string) {
	t.Helper()
	if err := s.Report(admin.SleepReport{Source: "docker", Project: "blog", Phase: phase, Reason: "no such image"}); err != nil {
		t.Fatalf("%s: %v", phase, err)
	}
}

func TestSleep_AThousandRequestsGiveOneOrderAndAllGetResponses(t *testing.T) {
	target := app(t, "blog", nil)
	p := start(t, Config{}, idleRoute(t, "/blog", time.Hour, being(target, route.Asleep)))
	const crowd = 1000
	var wrong atomic.Int32
	var asked sync.WaitGroup
	for range crowd {
		asked.Go(func() {
			if got := p.do(t, http.MethodGet, "/blog/x"); got.StatusCode != http.StatusOK || got.body != "blog GET /x" {
				wrong.Add(1)
			}
		})
	}
	eventually(t, "all wait", func() bool { return p.current.Load().Lookup(mustKey(t, "/blog")).Outage.Waiting() == crowd })
	if got := pendingOrders(p.Server); got != "wake blog" {
		t.Fatalf("orders: %q", got)
	}
	report(t, p.Server, admin.PhaseStarted)
	if got := pendingOrders(p.Server); got != "" {
		t.Errorf("orders once it is started: %q", got)
	}
	if got := p.Routes().Routes[0]; got.State != "waking" {
		t.Errorf("the route is %s", got.State)
	}
	p.set(idleRoute(t, "/blog", time.Hour, target))
	asked.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d of %d requests failed", n, crowd)
	}
	if got := strings.Count(p.log.String(), "a request wakes an app"); got != 1 {
		t.Errorf("%d orders", got)
	}
	if got := strings.Count(p.log.String(), "an app woke up"); got != 1 {
		t.Errorf("it woke up %d times", got)
	}
	// A request ends a moment after its client has the response.
	eventually(t, "nothing is in use", func() bool {
		got := p.Routes().Routes[0]
		return got.State == "ready" && got.Idle != nil && got.Idle.InUse == 0
	})
}

func mustKey(t *testing.T, key string) route.Key {
	t.Helper()
	parsed, err := route.ParseKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestSleep_BrowsersGetAPageAndProgramsWait(t *testing.T) {
	target := app(t, "blog", nil)
	p := start(t, Config{Wake: 3 * time.Second}, idleRoute(t, "/blog", time.Hour, being(target, route.Asleep)))
	for _, headers := range [][]string{{html}, {html, "Sec-Fetch-Mode: navigate"}} {
		got := p.do(t, http.MethodGet, "/blog/", headers...)
		if got.StatusCode != 503 || got.Header.Get("Retry-After") != "1" || !strings.Contains(got.body, "<h1>blog is waking up</h1>") || !strings.Contains(got.body, `http-equiv="refresh" content="1"`) {
			t.Fatalf("%v: %d %s", headers, got.StatusCode, got.body)
		}
	}
	results := make(chan response, 3)
	for _, ask := range [][]string{{"POST", html}, {"GET", html, "Sec-Fetch-Mode: cors"}, {"GET"}} {
		go func() { results <- p.do(t, ask[0], "/blog/", ask[1:]...) }()
	}
	eventually(t, "the programs wait", func() bool { return p.current.Load().Lookup(mustKey(t, "/blog")).Outage.Waiting() == 3 })
	report(t, p.Server, admin.PhaseStarted)
	p.set(idleRoute(t, "/blog", time.Hour, target))
	for range 3 {
		if got := <-results; got.StatusCode != 200 {
			t.Errorf("%d %s", got.StatusCode, got.body)
		}
	}
	p.set(idleRoute(t, "/blog", time.Hour, being(target, route.Asleep)))
	if got := p.do(t, http.MethodGet, "/blog/", "Accept: application/json"); got.StatusCode != 503 || !strings.Contains(got.body, `"code":"waking"`) {
		t.Errorf("once it took too long: %d %s", got.StatusCode, got.body)
	}
}

func TestSleep_AWokenAppMayTakeItsTimeToListen(t *testing.T) {
	dead := refusingAddress(t)
	target := app(t, "blog", nil)
	p := start(t, Config{}, idleRoute(t, "/blog", time.Hour, being(target, route.Asleep)))
	result := make(chan response, 1)
	go func() { result <- p.do(t, http.MethodPost, "/blog/") }()
	eventually(t, "the order to wake it is there", func() bool { return pendingOrders(p.Server) == "wake blog" })
	report(t, p.Server, admin.PhaseStarted)
	deaf := target
	deaf.Address = dead
	p.set(idleRoute(t, "/blog", time.Hour, deaf))
	eventually(t, "it refuses", func() bool { return strings.Contains(p.log.String(), "does not accept connections") })
	if got := p.do(t, http.MethodGet, "/blog/", html); got.StatusCode != 503 || !strings.Contains(got.body, "waking up") {
		t.Errorf("a browser gets %d %s", got.StatusCode, got.body)
	}
	p.set(idleRoute(t, "/blog", time.Hour, target))
	if got := <-result; got.StatusCode != 200 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestSleep_AFailedWakeIsShownAndNotRepeatedAtOnce(t *testing.T) {
	target := app(t, "blog", nil)
	p := start(t, Config{}, idleRoute(t, "/blog", time.Hour, being(target, route.Asleep)))
	result := make(chan response, 1)
	go func() { result <- p.do(t, http.MethodPost, "/blog/") }()
	eventually(t, "the order to wake it is there", func() bool { return pendingOrders(p.Server) == "wake blog" })
	report(t, p.Server, admin.PhaseFailed)
	if got := <-result; got.StatusCode != 503 || got.Header.Get("Retry-After") != "30" || strings.Contains(got.body, "no such image") {
		t.Errorf("%d %v %s", got.StatusCode, got.Header, got.body)
	}
	if got := p.do(t, http.MethodGet, "/blog/", html); got.StatusCode != 503 || !strings.Contains(got.body, "blog does not start") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := pendingOrders(p.Server); got != "" {
		t.Errorf("orders: %q", got)
	}
	if got := p.Routes().Routes[0]; got.State != "asleep" || !strings.HasPrefix(got.Reason, "it could not be started: no such image; a request after ") {
		t.Errorf("the route is %s: %s", got.State, got.Reason)
	}
}

// The agent may carry out an order before the request that gave it waits.
func TestSleep_WakesThatFailAtOnceKeepNoRequestWaiting(t *testing.T) {
	target := app(t, "blog", nil)
	p := start(t, Config{}, idleRoute(t, "/blog", time.Hour, being(target, route.Asleep)))
	failed := func(message string) {
		if message == "a request wakes an app" {
			report(t, p.Server, admin.PhaseFailed)
		}
	}
	p.log.on.Store(&failed)
	if got := p.do(t, http.MethodPost, "/blog/"); got.StatusCode != 503 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestSleep_RequestsWhileItIsStoppedWaitAndWakeIt(t *testing.T) {
	target := app(t, "blog", nil)
	p := start(t, Config{}, idleRoute(t, "/blog", time.Nanosecond, target))
	report(t, p.Server, admin.PhaseSleep)
	result := make(chan response, 1)
	go func() { result <- p.do(t, http.MethodPost, "/blog/x") }()
	eventually(t, "the order to wake it is there", func() bool { return pendingOrders(p.Server) == "wake blog" })
	for _, state := range []route.State{route.Draining, route.Stopped, route.Asleep} {
		p.set(idleRoute(t, "/blog", time.Nanosecond, being(target, state)))
		if got := p.Routes().Routes[0]; got.State != "waking" {
			t.Errorf("listed as %s, it is %s", state, got.State)
		}
	}
	report(t, p.Server, admin.PhaseAsleep)
	report(t, p.Server, admin.PhaseStarted)
	p.set(idleRoute(t, "/blog", time.Nanosecond, target))
	if got := <-result; got.StatusCode != 200 || got.body != "blog POST /x" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestSleep_WebSocketsAndSlowRequestsKeepAwake(t *testing.T) {
	release := make(chan struct{})
	target := app(t, "blog", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			<-release
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		<-release
	})
	other := app(t, "other", nil)
	p := start(t, Config{}, idleRoute(t, "/blog", time.Nanosecond, target), mount(t, "/other", route.Strip, other))
	slow := make(chan response, 1)
	go func() { slow <- p.do(t, http.MethodGet, "/blog/") }()
	socket := p.dial(t)
	fmt.Fprint(socket, "GET /blog/ws HTTP/1.1\r\nHost: example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n")
	eventually(t, "both are under way", func() bool { return p.Routes().Routes[0].Idle.InUse == 2 })
	if err := p.Report(admin.SleepReport{Source: "docker", Project: "blog", Phase: admin.PhaseSleep}); err != admin.ErrInUse {
		t.Errorf("put to sleep: %v", err)
	}
	if got := pendingOrders(p.Server); got != "" {
		t.Errorf("orders: %q", got)
	}
	close(release)
	<-slow
	_ = socket.Close()
	eventually(t, "it is due", func() bool { return pendingOrders(p.Server) == "sleep blog" })
}

func TestSleep_OnlyRequestsToTheAppCount(t *testing.T) {
	target := app(t, "blog", nil)
	limited := idleRoute(t, "/blog", time.Hour, target)
	// The redirect is one of the two.
	limited.Rate = route.Rate{Requests: 2, Per: time.Hour, Burst: 2}
	p := start(t, Config{}, limited)
	first := p.Routes().Routes[0].Idle.LastUsed
	used := func() bool { return p.Routes().Routes[0].Idle.LastUsed.After(first) }
	p.do(t, http.MethodGet, "/blog")              // is redirected
	p.do(t, http.MethodTrace, "/blog/")           // is refused
	p.do(t, http.MethodGet, "/blog/../../secret") // leaves the prefix
	if used() {
		t.Error("the gateway's own responses count as use")
	}
	p.do(t, http.MethodGet, "/blog/")
	eventually(t, "a request counts", func() bool { return used() && p.Routes().Routes[0].Idle.InUse == 0 })
	first = p.Routes().Routes[0].Idle.LastUsed
	if got := p.do(t, http.MethodGet, "/blog/"); got.StatusCode != http.StatusTooManyRequests || used() {
		t.Errorf("%d; a request beyond the rate counts as use: %v", got.StatusCode, used())
	}
}

func TestSleep_OrdersComeAsSoonAsTheyAreDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		blog, api := idleRoute(t, "/blog", 10*time.Minute, at("blog", "10.0.0.2:80")), idleRoute(t, "/api", 0, at("api", "10.0.0.3:80"))
		s.SetTable(route.Build([]route.Route{blog, api}, nil))
		sleeper := s.current.Load().Sleepers()[live.Unit{Source: "docker", Project: "blog"}]
		time.Sleep(6 * time.Minute)
		sleeper.Enter(time.Now())
		time.Sleep(30 * time.Minute)
		sleeper.Leave(time.Now())
		var got admin.Orders
		for got = s.Orders(t.Context(), "docker", "", time.Minute); len(got.Orders) == 0; got = s.Orders(t.Context(), "docker", got.Digest, time.Minute) {
		}
		if took := time.Since(began); took != 46*time.Minute || got.Orders[0] != (admin.Order{Do: admin.Sleep, Project: "blog"}) {
			t.Errorf("%+v after %v", got, took)
		}
		report(t, s, admin.PhaseSleep)
		// The next agent gets the orders that the last one left undone.
		if got := pendingOrders(s); got != "sleep blog" {
			t.Errorf("orders: %q", got)
		}
		report(t, s, admin.PhaseAsleep)
		if got := pendingOrders(s); got != "" {
			t.Errorf("orders once it is asleep: %q", got)
		}
		blog.Targets = []route.Target{being(blog.Targets[0], route.Asleep)}
		api.Targets = []route.Target{being(api.Targets[0], route.Asleep)}
		s.SetTable(route.Build([]route.Route{blog, api}, nil))
		time.Sleep(time.Hour)
		if got := pendingOrders(s); got != "" || sleeper.Stopping() {
			t.Errorf("orders while it is asleep: %q, stopping %v", got, sleeper.Stopping())
		}
		// A start by hand restarts the idle time.
		blog.Targets = []route.Target{at("blog", "10.0.0.2:80")}
		s.SetTable(route.Build([]route.Route{blog, api}, nil))
		time.Sleep(9 * time.Minute)
		if got := pendingOrders(s); got != "" {
			t.Errorf("orders after a start by hand: %q", got)
		}
		time.Sleep(time.Minute)
		if got := pendingOrders(s); got != "sleep blog" {
			t.Errorf("orders: %q", got)
		}
	})
}

func TestSleep_StoppedByHandIsNotWoken(t *testing.T) {
	target := app(t, "blog", nil)
	p := start(t, Config{}, idleRoute(t, "/blog", time.Hour, being(target, route.Stopped)))
	if got := p.do(t, http.MethodGet, "/blog/", html); got.StatusCode != 503 || !strings.Contains(got.body, "blog is stopped") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := pendingOrders(p.Server); got != "" {
		t.Errorf("orders: %q", got)
	}
}
