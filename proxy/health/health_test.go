package health

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/route"
)

// hangsInBody is the status of an app whose response does not end.
const hangsInBody = -1

type hangs struct{ ctx context.Context } //nolint:containedctx // A body ends with its request.

func (h hangs) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

// app answers checks in the tests without a network.
type app struct {
	mu     sync.Mutex
	status map[string]int
	asked  map[string][]time.Time
}

func newApp() *app { return &app{status: map[string]int{}, asked: map[string][]time.Time{}} }

// set makes an address answer with a status: 200 by default, never with 0.
func (a *app) set(address string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status[address] = status
}

// times are when an address was asked.
func (a *app) times(address string) []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]time.Time(nil), a.asked[address]...)
}

func (a *app) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.asked[r.URL.Host] = append(a.asked[r.URL.Host], time.Now())
	status, set := a.status[r.URL.Host]
	a.mu.Unlock()
	if !set {
		status = http.StatusOK
	}
	switch status {
	case 0:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case hangsInBody:
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(hangs{r.Context()}), Request: r}, nil
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("body")), Request: r}, nil
}

// reports keeps what a checker reported, in a line each.
type reports struct {
	mu    sync.Mutex
	lines []string
}

func (r *reports) add(key Key, passing bool, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, strings.TrimSpace(fmt.Sprintf("%s %t %s", key.Address, passing, reason)))
}

// take returns what was reported since the last time.
func (r *reports) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.lines, "; ")
	r.lines = nil
	return all
}

// start runs a checker that asks a; the returned function ends it and waits for its end.
func start(t *testing.T, a http.RoundTripper, log io.Writer) (*Checker, *reports, func()) {
	t.Helper()
	r := &reports{}
	c := New(Config{Report: r.add, Log: slog.New(slog.NewTextHandler(log, nil)), Transport: func(route.Scheme) http.RoundTripper { return a }})
	return c, r, run(t, c)
}

// run runs a checker until the returned function is called, or the test ends.
func run(t *testing.T, c *Checker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

var every10s = route.Check{Path: "/health", Interval: 10 * time.Second, Timeout: 5 * time.Second, Rise: 2, Fall: 3}

func at(address string) Target {
	return Target{Key: Key{ID: address, Address: address, Scheme: route.HTTP, Check: every10s}, Name: "app-" + address}
}

// verdictOf is the verdict on a target: "unknown", "passing", or "failing" with its reason.
func verdictOf(c *Checker, key Key) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.loops[key]; l != nil {
		return l.verdict.String()
	}
	return "unknown"
}

func (v verdict) String() string {
	switch {
	case !v.known:
		return "unknown"
	case v.passing:
		return "passing"
	}
	return "failing: " + v.reason
}

// pass advances the clock, and waits until all is done that was due.
func pass(d time.Duration) {
	time.Sleep(d) // in a bubble of synctest
	synctest.Wait()
}

func TestChecker_DecidesAtOnceAndThenAfterSomeInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp()
		c, r, stop := start(t, a, io.Discard)
		defer stop()
		good, bad := at("good:80"), at("bad:80")
		a.set("bad:80", 503)
		c.Set([]Target{good, bad})
		if got := verdictOf(c, good.Key); got != "unknown" || r.take() != "" {
			t.Errorf("before the first check: %s", got)
		}
		pass(spread)
		if got := r.take(); got != "good:80 true; bad:80 false GET /health answered 503" && got != "bad:80 false GET /health answered 503; good:80 true" {
			t.Errorf("the first checks: %q", got)
		}
		a.set("good:80", 500)
		a.set("bad:80", 301)
		pass(10 * time.Second)
		if got := r.take(); got != "bad:80 true" {
			t.Errorf("after one: %q", got)
		}
		pass(10 * time.Second)
		if got := r.take(); got != "" {
			t.Errorf("after two: %q", got)
		}
		pass(10 * time.Second)
		if got := r.take(); got != "good:80 false GET /health answered 500" {
			t.Errorf("after three: %q", got)
		}
		a.set("good:80", 204)
		pass(10 * time.Second)
		if got := r.take(); got != "" {
			t.Errorf("back after one: %q", got)
		}
		pass(10 * time.Second)
		if got := r.take(); got != "good:80 true" {
			t.Errorf("back after two: %q", got)
		}
		a.set("good:80", 500)
		pass(30 * time.Second)
		if got := r.take(); got != "good:80 false GET /health answered 500" {
			t.Errorf("failing again: %q", got)
		}
		for key, want := range map[Key]string{good.Key: "failing: GET /health answered 500", bad.Key: "passing", at("other:80").Key: "unknown"} {
			if got := verdictOf(c, key); got != want {
				t.Errorf("%s is %s, want %s", key.Address, got, want)
			}
		}
	})
}
