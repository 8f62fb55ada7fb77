package proxy

import (
	"bufio"
	"fmt"
	"net/http"
	"testing"
	"time"

	"gateway/proxy/metric"
	"gateway/proxy/route"
)

// holds is an app that responds to no request before release is closed.
func holds(t *testing.T, release <-chan struct{}) route.Target {
	return app(t, "x", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
}

// sendAs connects as a client that a trusted proxy announces, and requests a path.
func (p *running) sendAs(t *testing.T, client, path string) *bufio.Reader {
	t.Helper()
	conn := p.ask(t, fmt.Sprintf("PROXY TCP4 %s 192.0.2.100 1000 80\r\nGET %s HTTP/1.1\r\nHost: example.org\r\n\r\n", client, path))
	return bufio.NewReader(conn)
}

func requestsOf(p *running) metric.Admitted { return p.Server.metrics().UnderWay() }

// underWay waits until so many requests are under way.
func (p *running) underWay(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d requests are under way", n), func() bool { return requestsOf(p).Open == n })
}

func TestLimit_OfRequestsByClient(t *testing.T) {
	release := make(chan struct{})
	p := start(t, Config{MaxRequests: 100, MaxClientRequests: 2, Trusted: trusting(t, "127.0.0.1"), ProxyProtocol: true},
		mount(t, "/slow", route.Strip, holds(t, release)), mount(t, "/x", route.Strip, app(t, "x", nil)))
	held := p.sendAs(t, "192.0.2.1", "/slow/")
	p.sendAs(t, "192.0.2.1", "/slow/")
	p.underWay(t, 2)
	for range 3 {
		wantsLater(t, read(t, p.sendAs(t, "192.0.2.1", "/x/"), "GET"), 429, 60)
	}
	if got := read(t, p.sendAs(t, "192.0.2.2", "/x/"), "GET"); got.StatusCode != 200 {
		t.Errorf("another client gets %d", got.StatusCode)
	}
	p.underWay(t, 2) // The other client's request ends just after it has its response.
	if now := requestsOf(p); now.Refused["client"] != 3 || now.Refused["all"] != 0 || now.Most["all"] != 100 || now.Most["client"] != 2 {
		t.Errorf("the metrics show %+v", now)
	}
	if now := p.Status().Proxy.UnderWay; now.Open != 2 || now.RefusedPerClient != 3 || now.Max != 100 || now.MaxPerClient != 2 {
		t.Errorf("the status shows %+v", now)
	}
	close(release)
	if got := read(t, held, "GET"); got.StatusCode != 200 {
		t.Errorf("what was under way ends with %d", got.StatusCode)
	}
	p.underWay(t, 0)
	if got := read(t, p.sendAs(t, "192.0.2.1", "/x/"), "GET"); got.StatusCode != 200 {
		t.Errorf("then the client gets %d", got.StatusCode)
	}
}

func TestLimit_OfRequestsInAll(t *testing.T) {
	p := start(t, Config{MaxRequests: 3, MaxClientRequests: 2, Trusted: trusting(t, "127.0.0.1"), ProxyProtocol: true},
		mount(t, "/slow", route.Strip, holds(t, nil)))
	for i := range 3 {
		p.sendAs(t, fmt.Sprintf("192.0.2.%d", i+1), "/slow/")
		p.underWay(t, i+1)
	}
	wantsLater(t, read(t, p.sendAs(t, "192.0.2.9", "/slow/"), "GET"), 503, 60)
	if now := requestsOf(p); now.Refused["all"] != 1 {
		t.Errorf("shown: %+v", now)
	}
}

// Requests that wait for a target count as under way.
func TestLimit_OfRequestsCountsThoseThatWait(t *testing.T) {
	p := start(t, Config{MaxClientRequests: 1, Hold: time.Minute, Trusted: trusting(t, "127.0.0.1"), ProxyProtocol: true},
		mount(t, "/gone", route.Strip, at("gone", "127.0.0.1:1")))
	p.sendAs(t, "192.0.2.1", "/gone/")
	p.underWay(t, 1)
	wantsLater(t, read(t, p.sendAs(t, "192.0.2.1", "/gone/"), "GET"), 429, 60)
}

// Requests that a trusted proxy forwards count for the client behind it, and its connection goes on.
func TestLimit_OfRequestsBehindATrustedProxy(t *testing.T) {
	p := start(t, Config{MaxRequests: 100, MaxClientRequests: 1, Trusted: trusting(t, "127.0.0.1")},
		mount(t, "/slow", route.Strip, holds(t, nil)), mount(t, "/x", route.Strip, app(t, "x", nil)))
	behind := func(path, client string) string {
		return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: example.org\r\nX-Forwarded-For: %s\r\n\r\n", path, client)
	}
	p.ask(t, behind("/slow/", "192.0.2.1"))
	p.underWay(t, 1)
	conn := p.ask(t, behind("/x/", "192.0.2.1")+behind("/x/", "192.0.2.2"))
	responses := bufio.NewReader(conn)
	wantsLater(t, read(t, responses, "GET"), 429, 60)
	if got := read(t, responses, "GET"); got.StatusCode != 200 {
		t.Errorf("another client gets %d", got.StatusCode)
	}
	p.underWay(t, 1)
}
