package metric_test

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"gateway/proxy/metric"
	"gateway/proxy/traffic"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// scrape returns the value of each series by its name with its labels, and the whole text.
func scrape(t testing.TB, s http.Handler) (map[string]float64, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("status %d of type %q: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	series := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(w.Body.String()))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		end := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		series[line[:end]] = value
	}
	return series, w.Body.String()
}

// sum adds all series of a name.
func sum(series map[string]float64, name string) (total float64) {
	for s, value := range series {
		if s == name || strings.HasPrefix(s, name+"{") {
			total += value
		}
	}
	return total
}

// full has something of everything.
func full() metric.Source {
	registry := new(traffic.Registry)
	registry.Keep([]string{"/", "/robots", "/left"}, noon)
	for i, status := range []int{101, 200, 200, 308, 404, 499, 500} {
		r := registry.Route("/robots")
		r.Begin()
		r.End(&traffic.Request{
			Status: status, Began: noon, Took: time.Duration(i) * time.Millisecond, Received: 10, Sent: 100, Retries: 1, Streamed: status == 101,
		})
	}
	registry.Route("/robots").Begin()
	registry.Route("/robots").Ejected()
	for range 2 {
		registry.Route("/robots").Begin()
		registry.Route("/robots").End(&traffic.Request{Status: 413, Began: noon, Refused: traffic.ByBodyMax, Streamed: true})
	}
	registry.Unrouted().Begin()
	registry.Unrouted().End(&traffic.Request{Status: 400})
	registry.Route("/left").Begin()
	registry.Route("/left").End(&traffic.Request{Status: 200})
	registry.Keep([]string{"/", "/robots"}, noon)
	registry.Keep([]string{"/", "/robots"}, noon.Add(time.Hour))
	return metric.Source{
		Version:  "v1.2.3",
		Snapshot: func() traffic.Snapshot { return registry.Snapshot(noon) },
		Table: func() metric.Table {
			return metric.Table{Revision: 7, Problems: 2, Routes: []metric.Route{
				{Key: "/", Targets: map[string]int{"stopped": 1}},
				{Key: "/robots", Targets: map[string]int{"ready": 2, "ejected": 1, "starting": 0}, Waiting: 3},
			}}
		},
		Connections: func() metric.Admitted {
			return metric.Admitted{Open: 5, Most: map[string]int{"all": 100, "client": 10}, Refused: map[string]uint64{"all": 1, "client": 2}}
		},
		UnderWay: func() metric.Admitted {
			return metric.Admitted{Most: map[string]int{"all": 50, "client": 0}, Refused: map[string]uint64{"all": 3, "client": 4}}
		},
		Certificates: func() []metric.Certificate {
			return []metric.Certificate{{Name: "*.example.org", Expires: noon}, {Name: "new.org", Failures: 2}}
		},
		Reported:  func() map[string]time.Time { return map[string]time.Time{"docker": noon} },
		LostLines: func() uint64 { return 3 },
	}
}

func TestHandler_ShowsWhatIsThere(t *testing.T) {
	series, text := scrape(t, metric.Handler(full()))
	for name, want := range map[string]float64{
		`gateway_requests_total{class="1xx",route="/robots"}`:                  1,
		`gateway_requests_total{class="2xx",route="/robots"}`:                  2,
		`gateway_requests_total{class="3xx",route="/robots"}`:                  1,
		`gateway_requests_total{class="4xx",route="/robots"}`:                  3,
		`gateway_requests_total{class="gone",route="/robots"}`:                 1,
		`gateway_requests_total{class="5xx",route="/robots"}`:                  1,
		`gateway_requests_total{class="2xx",route="/"}`:                        0,
		`gateway_requests_total{class="4xx",route="none"}`:                     1,
		`gateway_removed_requests_total{class="2xx"}`:                          1,
		`gateway_middleware_refused_total{by="body.max",route="/robots"}`:      2,
		`gateway_requests_in_flight{route="/robots"}`:                          1,
		`gateway_requests_waiting{route="/robots"}`:                            3,
		`gateway_request_duration_seconds_bucket{route="/robots",le="0.001"}`:  1,
		`gateway_request_duration_seconds_bucket{route="/robots",le="0.0025"}`: 2,
		`gateway_request_duration_seconds_bucket{route="/robots",le="0.005"}`:  5,
		`gateway_request_duration_seconds_bucket{route="/robots",le="60"}`:     6,
		`gateway_request_duration_seconds_bucket{route="/robots",le="+Inf"}`:   6,
		`gateway_request_duration_seconds_count{route="/robots"}`:              6,
		`gateway_request_duration_seconds_sum{route="/robots"}`:                0.021,
		`gateway_request_bytes_total{route="/robots"}`:                         70,
		`gateway_response_bytes_total{route="/robots"}`:                        700,
		`gateway_retries_total{route="/robots"}`:                               7,
		`gateway_target_ejections_total{route="/robots"}`:                      1,
		`gateway_connections`:                                          5,
		`gateway_connections_refused_total{reason="all"}`:              1,
		`gateway_connections_refused_total{reason="client"}`:           2,
		`gateway_table_revision`:                                       7,
		`gateway_table_routes`:                                         2,
		`gateway_table_problems`:                                       2,
		`gateway_targets{route="/",state="ready"}`:                     0,
		`gateway_targets{route="/",state="stopped"}`:                   1,
		`gateway_targets{route="/robots",state="ready"}`:               2,
		`gateway_targets{route="/robots",state="ejected"}`:             1,
		`gateway_agent_last_report_timestamp_seconds{source="docker"}`: float64(noon.Unix()),
		`gateway_access_log_dropped_lines_total`:                       3,
		`gateway_build_info{version="v1.2.3"}`:                         1,
	} {
		if got, found := series[name]; !found || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v (there: %t), want %v", name, got, found, want)
		}
	}
	if _, found := series[`gateway_targets{route="/robots",state="starting"}`]; found {
		t.Error("a state without targets is shown")
	}
	if _, found := series[`gateway_middleware_refused_total{by="rate",route="/robots"}`]; found {
		t.Error("a middleware that refused nothing is shown")
	}
	for _, own := range []string{"go_goroutines ", "process_cpu_seconds_total "} {
		if !strings.Contains(text, "\n"+own) {
			t.Errorf("%s is missing", own)
		}
	}
}

func TestHandler_KeepsToTheConventions(t *testing.T) {
	_, text := scrape(t, metric.Handler(full()))
	found, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		if strings.HasPrefix(p.Metric, "gateway_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestHandler_ShowsWhatIsDocumented(t *testing.T) {
	_, text := scrape(t, metric.Handler(full()))
	var shown, documented []string
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, "# TYPE gateway_"); found {
			shown = append(shown, "gateway_"+strings.TrimSpace(rest))
		}
	}
	for _, f := range metric.Reference() {
		documented = append(documented, f.Name+" "+f.Type)
		help := "# HELP " + f.Name + " "
		if !strings.Contains(text, help) {
			t.Errorf("%s has no help", f.Name)
		}
		_, rest, _ := strings.Cut(text, help)
		if said, _, _ := strings.Cut(rest, "\n"); f.Unit == "" || !strings.HasSuffix(said, "Unit: "+f.Unit+".") {
			t.Errorf("%s says %q, which does not end with its unit", f.Name, said)
		}
		if row := "| `" + f.Name + "` | " + f.Type + " | " + f.Unit + " | "; !strings.Contains(metric.Markdown(), row) {
			t.Errorf("the table has no row of %s", f.Name)
		}
	}
	slices.Sort(shown)
	slices.Sort(documented)
	if !slices.Equal(shown, documented) {
		t.Errorf("shown are %q, documented are %q", shown, documented)
	}
}

func TestHandler_LeavesOutWhatNobodyTells(t *testing.T) {
	series, _ := scrape(t, metric.Handler(metric.Source{Version: "v1"}))
	for name := range series {
		if strings.HasPrefix(name, "gateway_") && name != `gateway_build_info{version="v1"}` {
			t.Errorf("%s is shown", name)
		}
	}
	s := metric.Source{Reported: func() map[string]time.Time { return nil }}
	if series, _ = scrape(t, metric.Handler(s)); len(series) == 0 || sum(series, "gateway_agent_last_report_timestamp_seconds") != 0 {
		t.Error("an agent that never reported has a time")
	}
}

func TestHandler_TakesAnyKey(t *testing.T) {
	keys := []string{`/a"b\c`, "/line\nbreak", "example.org/\xff", "/ü"}
	registry := new(traffic.Registry)
	registry.Keep(keys, noon)
	_, text := scrape(t, metric.Handler(metric.Source{Snapshot: func() traffic.Snapshot { return registry.Snapshot(noon) }}))
	for _, want := range []string{`route="/a\"b\\c"`, `route="/line\nbreak"`, "route=\"example.org/\ufffd\"", `route="/ü"`} {
		if !strings.Contains(text, "gateway_retries_total{"+want+"}") {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestHandler_DoesNotCompress(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	metric.Handler(full()).ServeHTTP(w, r)
	if got := w.Header().Get("Content-Encoding"); got != "" {
		t.Errorf("Content-Encoding is %q, want none", got)
	}
}

// TestHandler_AddsUpUnderChaos scrapes while requests end in routes that come and go.
func TestHandler_AddsUpUnderChaos(t *testing.T) {
	const clients, each = 4, 5_000
	registry := new(traffic.Registry)
	keys := []string{"/a", "/b", "/c"}
	registry.Keep(keys, noon)
	h := metric.Handler(metric.Source{Snapshot: func() traffic.Snapshot { return registry.Snapshot(noon) }})
	all := func() float64 {
		series, _ := scrape(t, h)
		return sum(series, "gateway_requests_total") + sum(series, "gateway_removed_requests_total")
	}
	stop := make(chan struct{})
	var swapping, sending sync.WaitGroup
	swapping.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				registry.Keep(keys[:i%(len(keys)+1)], noon.Add(time.Duration(i)*time.Hour))
			}
		}
	})
	swapping.Go(func() {
		for last := 0.0; ; {
			select {
			case <-stop:
				return
			default:
			}
			now := all()
			if now < last {
				t.Errorf("there were %v requests and then %v", last, now)
			}
			last = now
		}
	})
	for v := range clients {
		sending.Go(func() {
			for i := range each {
				r := registry.Route(keys[(v+i)%len(keys)])
				if r == nil {
					r = registry.Unrouted()
				}
				r.Begin()
				r.End(&traffic.Request{Status: 200 + i%4*100, Began: noon, Took: time.Millisecond})
			}
		})
	}
	sending.Wait()
	close(stop)
	swapping.Wait()
	if got := all(); got != clients*each {
		t.Errorf("the metrics have %v requests, want %d", got, clients*each)
	}
}

func BenchmarkHandler(b *testing.B) {
	for _, count := range []int{10, 1000} {
		b.Run(fmt.Sprintf("routes=%d", count), func(b *testing.B) {
			registry := new(traffic.Registry)
			var keys []string
			var table metric.Table
			for i := range count {
				keys = append(keys, fmt.Sprintf("/app%d", i))
				table.Routes = append(table.Routes, metric.Route{Key: keys[i], Targets: map[string]int{"ready": 1}})
			}
			registry.Keep(keys, noon)
			h := metric.Handler(metric.Source{
				Snapshot: func() traffic.Snapshot { return registry.Snapshot(noon) }, Table: func() metric.Table { return table },
			})
			b.ReportAllocs()
			var size int64
			for b.Loop() {
				w := &counting{header: http.Header{}}
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
				size = w.size
			}
			b.ReportMetric(float64(size), "B/response")
		})
	}
}

// counting throws away what is written.
type counting struct {
	header http.Header
	size   int64
}

func (c *counting) Header() http.Header { return c.header }
func (c *counting) WriteHeader(int)     {}
func (c *counting) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	return io.Discard.Write(p)
}
