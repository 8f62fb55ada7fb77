package proxy

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
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

func TestMetrics_ShowTheStatesOfTargets(t *testing.T) {
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

func TestMetrics_ShowHowManyRequestsWait(t *testing.T) {
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
	p.recorded(t, "/a", 3)
}
