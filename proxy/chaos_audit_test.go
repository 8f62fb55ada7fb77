package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gateway/proxy/accesslog"
	"gateway/proxy/request"
	"gateway/proxy/traffic"
)

// audit compares what the gateway says of its requests: its figures, its metrics and its access log.
type audit struct {
	wrong   func(format string, args ...any)
	log     *journal
	ledger  traffic.Snapshot
	metrics string
}

// auditOf is that of a proxy that has ended, and whose log goes to the journal: as long as it serves, what clients who
// left have sent may still be read.
func auditOf(s *Server, j *journal, wrong func(format string, args ...any)) *audit {
	w := httptest.NewRecorder()
	pingHandler(s.metrics()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return &audit{wrong: wrong, log: j, ledger: s.traffic.Snapshot(time.Now()), metrics: w.Body.String()}
}

// journal is an access log that adds up its lines. It is read when it has ended.
type journal struct {
	*accesslog.Log
	end func()
	// keeps reports that entries has all lines; total is what they add up to, wrong what cannot be read.
	keeps   bool
	entries []*accessLine
	total   sums
	wrong   []string
}

// keepJournal opens a journal; end ends it.
func keepJournal(t *testing.T, keeps bool) *journal {
	t.Helper()
	j := &journal{keeps: keeps, total: sums{}}
	l, err := accesslog.Open(accesslog.Config{Writer: j})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = l.Run(ctx)
	}()
	j.Log, j.end = l, func() { stop(); <-ended }
	return j
}

// Write implements io.Writer. It gets whole lines.
func (j *journal) Write(p []byte) (int, error) {
	for text := range bytes.Lines(p) {
		line := new(accessLine)
		if err := json.Unmarshal(text, line); err != nil {
			j.wrong = append(j.wrong, fmt.Sprintf("%q: %v", text, err))
			continue
		}
		if j.keeps {
			j.entries = append(j.entries, line)
		}
		j.total.request(line.Route, className(line.Status))
		j.total.add("gateway_request_bytes_total", line.Route, line.BytesReceived)
		j.total.add("gateway_response_bytes_total", line.Route, line.BytesSent)
		j.total.add("gateway_retries_total", line.Route, line.Retries)
	}
	return len(p), nil
}

// accessLine is a line of the access log.
type accessLine struct {
	Path          string
	Route         string
	Target        string
	Error         string
	Status        int
	Retries       int
	BytesReceived int `json:"bytes_received"`
	BytesSent     int `json:"bytes_sent"`
}

// sums are figures by what they are of.
type sums map[string]float64

func (s sums) request(routeKey, class string) { s.requests(routeKey, class, 1) }

func (s sums) requests(routeKey, class string, n uint64) {
	if routeKey == "" {
		routeKey = "none"
	}
	s[fmt.Sprintf("gateway_requests_total{class=%q,route=%q}", class, routeKey)] += float64(n)
}

func (s sums) add(name, routeKey string, n int) {
	if routeKey == "" {
		routeKey = "none"
	}
	s[fmt.Sprintf("%s{route=%q}", name, routeKey)] += float64(n)
}

// className is the class of a status as metrics name it.
func className(status int) string {
	if status == request.StatusGone || status < 100 {
		return "gone"
	}
	return strconv.Itoa(status/100) + "xx"
}

// check complains of all that does not add up.
func (a *audit) check() {
	if len(a.log.wrong) > 0 || a.log.Dropped() > 0 {
		a.wrong("%d lines of the log were dropped, and these cannot be read: %q", a.log.Dropped(), a.log.wrong)
	}
	a.same("the access log", a.log.total, "the ledger", a.ofLedger())
	a.same("the access log", a.log.total, "the metrics", a.ofMetrics())
}

// ofLedger adds up what was counted.
func (a *audit) ofLedger() sums {
	total := sums{}
	all := append(slices.Clone(a.ledger.Routes), traffic.RouteCounts{Counts: a.ledger.Unrouted})
	for _, r := range all {
		for class, n := range r.Requests {
			total.requests(r.Key, traffic.Class(class).String(), n)
		}
		total.add("gateway_request_bytes_total", r.Key, int(r.Received))
		total.add("gateway_response_bytes_total", r.Key, int(r.Sent))
		total.add("gateway_retries_total", r.Key, int(r.Retries))
		if r.Inflight != 0 {
			a.wrong("%d requests of %q never ended", r.Inflight, r.Key)
		}
	}
	if n := a.ledger.Removed.Total(); n != 0 {
		a.wrong("%d requests were of routes that are forgotten, and none was so soon", n)
	}
	return total
}

// ofMetrics reads what is shown of requests.
func (a *audit) ofMetrics() sums {
	total := sums{}
	for line := range strings.Lines(a.metrics) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		for _, prefix := range []string{"gateway_requests_total{", "gateway_re"} {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil || !strings.HasPrefix(name, prefix) {
				continue
			}
			total[name+"}"] = n
			break
		}
	}
	return total
}

// same complains of the figures that one has and the other has not. Those that are 0 may be missing.
func (a *audit) same(oneName string, one sums, otherName string, other sums) {
	for _, key := range slices.Sorted(maps.Keys(one)) {
		if one[key] != other[key] {
			a.wrong("%s: %v in %s, %v in %s", key, one[key], oneName, other[key], otherName)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(other)) {
		if _, both := one[key]; !both && other[key] != 0 && !strings.Contains(key, "duration") && !strings.Contains(key, "in_flight") && !strings.Contains(key, "waiting") {
			a.wrong("%s: %v in %s, and none in %s", key, other[key], otherName, oneName)
		}
	}
}
