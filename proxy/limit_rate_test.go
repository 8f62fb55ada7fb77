package proxy

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gateway/proxy/route"
)

// client is the field by which a trusted proxy names the client.
func client(address string) string { return "X-Forwarded-For: " + address }

// refused waits until that many requests to a route count as refused by a middleware: a request counts once its response
// was sent, which the client may see before.
func (p *running) refused(t *testing.T, by, route string, want float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%v requests to %s count as refused by %s", want, route, by), func() bool {
		return p.metrics(t)[fmt.Sprintf("gateway_middleware_refused_total{by=%q,route=%q}", by, route)] == want
	})
}

// wantsLater fails unless the response has that status and a Retry-After of at most that many seconds.
func wantsLater(t *testing.T, got response, status, most int) {
	t.Helper()
	seconds, err := strconv.Atoi(got.Header.Get("Retry-After"))
	if got.StatusCode != status || err != nil || seconds < 1 || seconds > most {
		t.Errorf("%d, Retry-After %q, want %d and up to %d", got.StatusCode, got.Header.Get("Retry-After"), status, most)
	}
}

func TestLimit_OfRateByRoute(t *testing.T) {
	var asked atomic.Int32
	target := app(t, "x", func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	r := mount(t, "/x", route.Strip, target)
	r.Rate = route.Rate{Requests: 3, Per: time.Hour, Burst: 3}
	p := start(t, Config{Trusted: trusting(t, "127.0.0.1")}, r, mount(t, "/free", route.Strip, target))
	for _, c := range []struct {
		client  string
		allowed int
	}{
		{"192.0.2.1", 3},
		{"192.0.2.2", 3},
		{"2001:db8:0:1::1", 3},
		{"2001:db8:0:1:ffff::2", 0},
		{"2001:db8:0:2::1", 3},
		{"::ffff:192.0.2.1", 0},
	} {
		for range c.allowed {
			if got := p.do(t, "GET", "/x/", client(c.client)); got.StatusCode != 200 {
				t.Errorf("%s is refused with %d", c.client, got.StatusCode)
			}
		}
		before := asked.Load()
		wantsLater(t, p.do(t, "GET", "/x/", client(c.client)), 429, 1200)
		if asked.Load() != before {
			t.Error("what was refused was passed on")
		}
		if got := p.do(t, "GET", "/free/", client(c.client)); got.StatusCode != 200 {
			t.Errorf("%s gets %d elsewhere", c.client, got.StatusCode)
		}
	}
	// Another table does not reset the rate of a client.
	p.SetTable(route.Build([]route.Route{r}, nil))
	wantsLater(t, p.do(t, "GET", "/x/", client("192.0.2.1")), 429, 1200)
}

func TestLimit_OfRateInAll(t *testing.T) {
	target := app(t, "x", nil)
	p := start(t, Config{Rate: route.Rate{Requests: 4, Per: time.Minute, Burst: 4}, Trusted: trusting(t, "127.0.0.1")},
		mount(t, "/a", route.Strip, target), mount(t, "/b", route.Strip, target))
	for i := range 4 {
		if got := p.do(t, "GET", fmt.Sprintf("/%c/", 'a'+i%2)); got.StatusCode != 200 {
			t.Errorf("request %d: %d", i, got.StatusCode)
		}
	}
	for _, path := range []string{"/a/", "/b/"} {
		wantsLater(t, p.do(t, "GET", path), 429, 15)
		if got := p.do(t, "GET", path, client("192.0.2.1")); got.StatusCode != 200 {
			t.Errorf("another client gets %d", got.StatusCode)
		}
	}
	p.refused(t, "client-rate", "/a", 1)
	p.refused(t, "client-rate", "/b", 1)
	for name := range p.metrics(t) {
		if strings.HasPrefix(name, "gateway_middleware_refused_total{") && !strings.Contains(name, `by="client-rate"`) {
			t.Errorf("%s is there, want client-rate alone", name)
		}
	}
}

// A redirect costs the client as much as a response of the app, so that no label gets around the limit.
func TestLimit_OfRateCountsRedirects(t *testing.T) {
	once := route.Rate{Requests: 1, Per: time.Hour, Burst: 1}
	target := app(t, "app", nil)
	elsewhere, slash := mount(t, "/old", route.Strip, target), mount(t, "/app", route.Strip, target)
	elsewhere.Redirect, elsewhere.Rate, slash.Rate = "https://example.net/", once, once
	p := start(t, Config{}, elsewhere, slash)
	for _, path := range []string{"/old", "/app"} {
		if got := p.do(t, "GET", path); got.StatusCode != http.StatusPermanentRedirect {
			t.Errorf("%s: %d, want a redirect", path, got.StatusCode)
		}
		wantsLater(t, p.do(t, "GET", path), http.StatusTooManyRequests, 3600)
		p.refused(t, "rate", path, 1)
	}
}
