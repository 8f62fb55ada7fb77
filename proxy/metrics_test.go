package proxy

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/balance"
	"gateway/proxy/route"
)

// metrics are all series of /metrics, by their names with labels.
func (p *running) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	p.newServers().ping.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	series := map[string]float64{}
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if value == "" {
			name, value, _ = strings.Cut(strings.TrimSpace(line), " ")
		} else {
			name += "}"
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		series[name] = n
	}
	return series
}

// byClass adds up the requests of all routes, those of none and those of routes that were removed.
func byClass(series map[string]float64) map[string]float64 {
	sum := map[string]float64{}
	for name, n := range series {
		kind, labels, _ := strings.Cut(name, "{")
		if kind != "gateway_requests_total" && kind != "gateway_removed_requests_total" || n == 0 {
			continue
		}
		_, class, _ := strings.Cut(labels, `class="`)
		class, _, _ = strings.Cut(class, `"`)
		sum[class] += n
	}
	return sum
}

// tally is what clients were answered.
type tally struct {
	client *http.Client

	mu      sync.Mutex
	classes map[string]float64
	// served counts what the app has answered.
	served float64
}

// ask sends a request with a body of ten bytes and counts the answer.
func (c *tally) ask(url string) error {
	answer, err := c.client.Post(url, "text/plain", strings.NewReader("0123456789"))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.classes[strconv.Itoa(answer.StatusCode/100)+"xx"]++
	if string(body) == "served" {
		c.served++
	}
	return err
}

// swap changes the table every millisecond until stop is closed.
func (p *running) swap(stop <-chan struct{}, tables ...[]route.Route) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
			p.SetTable(route.Build(tables[i%len(tables)], nil))
		case <-stop:
			return
		}
	}
}

// sumOf adds up a metric of all routes.
func sumOf(series map[string]float64, name string) (sum float64) {
	for s, n := range series {
		if strings.HasPrefix(s, name+"{") {
			sum += n
		}
	}
	return sum
}

// TestMetrics_AddUp has clients ask while the table changes: what they were answered is what metrics say.
func TestMetrics_AddUp(t *testing.T) {
	const clients, each = 8, 60
	answering := app(t, "app", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		status, _ := strconv.Atoi(r.URL.Query().Get("status"))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "served")
	})
	a, b := mount(t, "/a", route.Strip, answering), mount(t, "/b", route.Strip, answering)
	p := start(t, Config{}, a, b)
	stop := make(chan struct{})
	var swapping, visiting sync.WaitGroup
	swapping.Go(func() { p.swap(stop, []route.Route{a}, []route.Route{b}, []route.Route{a, b}) })
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	answered := tally{client: &http.Client{Transport: transport}, classes: map[string]float64{}}
	for v := range clients {
		visiting.Go(func() {
			for i := range each {
				url := fmt.Sprintf("http://%s/%c/x?status=%d", p.address, "abc"[(v+i)%3], []int{200, 404, 500}[i%3])
				if err := answered.ask(url); err != nil {
					t.Error(err)
				}
			}
		})
	}
	visiting.Wait()
	close(stop)
	swapping.Wait()
	eventually(t, "all requests have ended", func() bool { return p.Status().Proxy.Requests == clients*each })
	series := p.metrics(t)
	if got := byClass(series); !maps.Equal(got, answered.classes) {
		t.Errorf("metrics have %v, clients were answered %v", got, answered.classes)
	}
	if answered.served == 0 || answered.served == clients*each {
		t.Errorf("the app has served %v of %d requests, want some", answered.served, clients*each)
	}
	if got := sumOf(series, "gateway_request_bytes_total"); got < 10*answered.served || got > 10*clients*each {
		t.Errorf("%v bytes were received, want at least 10 of each of %v that were served", got, answered.served)
	}
	if got := sumOf(series, "gateway_request_duration_seconds_count"); got != clients*each {
		t.Errorf("the histograms have %v requests, want %d", got, clients*each)
	}
	if got := sumOf(series, "gateway_requests_in_flight"); got != 0 {
		t.Errorf("%v requests are under way", got)
	}
}

func TestMetrics_TellWhatTargetsAreGoodFor(t *testing.T) {
	stopped := at("b", "127.0.0.1:1")
	stopped.State = route.Stopped
	p := start(t, Config{Version: "v1"},
		mount(t, "/app", route.Strip, at("a", deadAddress(t)), stopped), mount(t, "/idle", route.Strip, at("c", "127.0.0.1:1")))
	p.do(t, "GET", "/app/", "Content-Length: 0")
	p.do(t, "GET", "/missing")
	p.current.Load().Lookup(p.current.Load().Table.Routes()[1].Key).Targets[0].Balance.SetHealth(balance.Failing)
	eventually(t, "both requests have ended", func() bool { return p.Status().Proxy.Requests == 2 })
	series := p.metrics(t)
	for name, want := range map[string]float64{
		`gateway_targets{route="/app",state="ejected"}`:         1,
		`gateway_targets{route="/app",state="stopped"}`:         1,
		`gateway_targets{route="/app",state="ready"}`:           0,
		`gateway_targets{route="/idle",state="unhealthy"}`:      1,
		`gateway_requests_total{class="5xx",route="/app"}`:      1,
		`gateway_requests_total{class="4xx",route="none"}`:      1,
		`gateway_target_ejections_total{route="/app"}`:          1,
		`gateway_requests_waiting{route="/app"}`:                0,
		`gateway_table_revision`:                                1,
		`gateway_table_routes`:                                  2,
		`gateway_build_info{version="v1"}`:                      1,
		`gateway_connections_refused_total{reason="all"}`:       0,
		`gateway_connections_refused_total{reason="client"}`:    0,
		`gateway_request_duration_seconds_count{route="/idle"}`: 0,
	} {
		if got, found := series[name]; !found || got != want {
			t.Errorf("%s is %v (there: %t), want %v", name, got, found, want)
		}
	}
	if _, found := series["gateway_agent_last_report_timestamp_seconds"]; found {
		t.Error("an agent that never reported has a time")
	}
}

func TestMetrics_TellHowManyWait(t *testing.T) {
	p := start(t, Config{}, mount(t, "/a", route.Strip, app(t, "app", nil)))
	pauseRoute(t, p.Server, "/a", order("", time.Minute))
	for range 3 {
		p.ask(t, getA)
	}
	p.waiting(t, "/a", 3)
	series := p.metrics(t)
	for name, want := range map[string]float64{
		`gateway_requests_waiting{route="/a"}`: 3, `gateway_requests_in_flight{route="/a"}`: 3, `gateway_connections`: 3,
	} {
		if got := series[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	resumeRoute(t, p.Server, "/a")
	p.noted(t, "/a", 3)
}
