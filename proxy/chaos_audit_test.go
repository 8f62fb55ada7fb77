package proxy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gateway/proxy/metric"
	"gateway/proxy/traffic"
)

// audit compares what visitors saw with what the gateway says: its figures, its metrics and its access log.
type audit struct {
	*show
	ledger  traffic.Ledger
	metrics string
	// entries are the lines of the log by the ids of the calls.
	entries map[string]*accessLine
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

func figuresOf(s *show) metric.Source { return figures{s.Server}.source() }

// sums are figures by what they are of.
type sums map[string]float64

func (s sums) request(routeKey, class string) {
	if routeKey == "" {
		routeKey = "none"
	}
	s[fmt.Sprintf("gateway_requests_total{class=%q,route=%q}", class, routeKey)]++
}

func (s sums) add(name, routeKey string, n int) {
	if routeKey == "" {
		routeKey = "none"
	}
	s[fmt.Sprintf("%s{route=%q}", name, routeKey)] += float64(n)
}

// className is the class of a status as metrics name it.
func className(status int) string {
	if status == statusGone || status < 100 {
		return "gone"
	}
	return strconv.Itoa(status/100) + "xx"
}

// check complains of all that does not add up.
func (a *audit) check() {
	logged := a.readLog()
	a.same("the access log", logged, "the ledger", a.ofLedger())
	a.same("the access log", logged, "the metrics", a.ofMetrics())
	seen := sums{}
	for id, c := range a.book.calls {
		line := a.entries[id]
		status, known := c.status, c.status != 0
		switch {
		case line == nil && !c.leaves && !c.unreached:
			a.book.wrong("%s %s is not in the log (%d, %v)", c.method, id, status, c.err)
			continue
		case line == nil && known:
			a.book.wrong("%s got %d and is not in the log", id, status)
			continue
		case line == nil:
			continue
		case known && status != line.Status:
			a.book.wrong("%s got %d, and the log says %d", id, status, line.Status)
		case className(line.Status) == "gone" && !c.leaves:
			a.book.wrong("%s did not leave, and the log says so: %+v", id, *line)
		case line.Route != "/"+c.app.name && (line.Route != "" || c.app.name != "fleeting"):
			a.book.wrong("%s was for %s, and the log says %q", id, c.app.name, line.Route)
		}
		if !known {
			// Who left, or whose answer was cut off, does not know what the gateway had for them.
			status = line.Status
		}
		seen.request(line.Route, className(status))
	}
	for key := range logged {
		if !strings.HasPrefix(key, "gateway_requests_total{") {
			delete(logged, key)
		}
	}
	a.same("the visitors", seen, "the access log", logged)
	if n := a.access.Dropped(); n > 0 {
		a.book.wrong("%d lines of the log were dropped", n)
	}
}

// readLog reads the access log and adds it up.
func (a *audit) readLog() sums {
	a.entries = map[string]*accessLine{}
	total := sums{}
	for text := range strings.Lines(a.lines.String()) {
		line := new(accessLine)
		if err := json.Unmarshal([]byte(text), line); err != nil {
			a.book.wrong("the log has %q: %v", text, err)
			continue
		}
		id := line.Path[strings.LastIndexByte(line.Path, '/')+1:]
		if a.book.calls[id] == nil || a.entries[id] != nil {
			a.book.wrong("the log has a line that nobody sent, or twice: %+v", *line)
		}
		a.entries[id] = line
		total.request(line.Route, className(line.Status))
		total.add("gateway_request_bytes_total", line.Route, line.BytesReceived)
		total.add("gateway_response_bytes_total", line.Route, line.BytesSent)
		total.add("gateway_retries_total", line.Route, line.Retries)
	}
	return total
}

// ofLedger adds up what was counted.
func (a *audit) ofLedger() sums {
	total := sums{}
	all := append(slices.Clone(a.ledger.Routes), traffic.RouteCounts{Counts: a.ledger.Stray})
	for _, r := range all {
		for class, n := range r.Requests {
			for range n {
				total.request(r.Key, traffic.Class(class).String())
			}
		}
		total.add("gateway_request_bytes_total", r.Key, int(r.Received))
		total.add("gateway_response_bytes_total", r.Key, int(r.Sent))
		total.add("gateway_retries_total", r.Key, int(r.Retries))
		if r.Inflight != 0 {
			a.book.wrong("%d requests of %q never ended", r.Inflight, r.Key)
		}
	}
	if n := a.ledger.Removed.Total(); n != 0 {
		a.book.wrong("%d requests were of routes that are forgotten, and none was so soon", n)
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
			a.book.wrong("%s: %v in %s, %v in %s", key, one[key], oneName, other[key], otherName)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(other)) {
		if _, both := one[key]; !both && other[key] != 0 && !strings.Contains(key, "duration") && !strings.Contains(key, "in_flight") && !strings.Contains(key, "waiting") {
			a.book.wrong("%s: %v in %s, and none in %s", key, other[key], otherName, oneName)
		}
	}
}
