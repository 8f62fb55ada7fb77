package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/accesslog"
	"gateway/proxy/request"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

// logLine is a line of the access log, as other programs read it.
type logLine map[string]any

// keepLog opens an access log. The function closes it and returns its text.
func keepLog(t *testing.T) (*accesslog.Log, func() string) {
	t.Helper()
	text := &logged{}
	log, err := accesslog.Open(accesslog.Config{Writer: text, Query: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	t.Cleanup(cancel)
	return log, func() string {
		t.Helper()
		cancel()
		if err := <-ended; err != nil || log.Dropped() > 0 {
			t.Errorf("the access log ended with %v and lost %d lines", err, log.Dropped())
		}
		return text.String()
	}
}

// logLines closes the access log when that many requests have ended, and returns its lines.
func (p *running) logLines(t *testing.T, closeLog func() string, requests uint64) []logLine {
	t.Helper()
	eventually(t, "all requests have ended", func() bool {
		return p.Status().Proxy.Requests == requests && p.Status().Proxy.Inflight == 0
	})
	return readLines[logLine](t, closeLog())
}

// readLines reads an access log.
func readLines[L any](t *testing.T, text string) (all []L) {
	t.Helper()
	for row := range strings.Lines(text) {
		var line L
		if err := json.Unmarshal([]byte(row), &line); err != nil {
			t.Fatalf("%q: %v", row, err)
		}
		all = append(all, line)
	}
	return all
}

// wants fails unless the line has these members; nil stands for none.
func (l logLine) wants(t *testing.T, members logLine) {
	t.Helper()
	for name, want := range members {
		if n, isInt := want.(int); isInt {
			want = float64(n)
		}
		if got := l[name]; got != want {
			t.Errorf("%s %s: %s is %v, want %v", l["method"], l["path"], name, got, want)
		}
	}
}

// loggedProxy is a proxy with a route for each outcome of a request.
func loggedProxy(t *testing.T, log *accesslog.Log, h *holdingApp) *running {
	t.Helper()
	limited, small := mount(t, "/limited", route.Strip, app(t, "limited", nil)), mount(t, "/small", route.Strip, app(t, "small", nil))
	limited.Rate, small.BodyMax = route.Rate{Requests: 1, Per: time.Hour, Burst: 1}, 10
	retried := newTargetSet(t, 2, func(turn int, _ string, w http.ResponseWriter, r *http.Request) {
		if turn == 1 {
			breakOff(w, r)
		}
	})
	wrong := app(t, "wrong", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	stopped := inState(route.Stopped, at("stopped", ""))
	waits := mount(t, "/waits", route.Strip, app(t, "before", nil))
	p := start(t, Config{Hold: time.Hour, AccessLog: log}, waits)
	waits.Targets = []route.Target{inState(route.Stopped, at("before", ""))}
	p.SetTable(route.Build([]route.Route{
		mount(t, "/plain", route.Strip, app(t, "plain", echoSize)),
		limited, small, mount(t, "/retried", route.Strip, retried.targets...), mount(t, "/wrong", route.Strip, wrong),
		mount(t, "/ws", route.Strip, app(t, "ws", echo)), mount(t, "/hold", route.Strip, h.Target),
		waits, mount(t, "/stopped", route.Strip, stopped),
	}, nil))
	p.SetTable(route.Build(append(slices.Clone(p.current.Load().Table.Routes()), mount(t, "/dead", route.Strip, at("dead", deadAddress(t)))), nil))
	for _, r := range p.current.Load().Routes() {
		if r.Key == "/dead" {
			r.Outage.Begin(time.Now().Add(-2 * time.Hour))
		}
	}
	return p
}

// sendLogged sends the requests whose lines logWants has.
func sendLogged(t *testing.T, p *running, h *holdingApp) {
	t.Helper()
	send := func(status int, method, text string) {
		t.Helper()
		if got := p.raw(t, method, text); got.StatusCode != status {
			t.Errorf("%.40q: %d, want %d", text, got.StatusCode, status)
		}
	}
	send(200, "POST", "POST /plain/a%20b?c=d HTTP/1.1\r\nHost: example.org\r\nUser-Agent: test/1\r\nReferer: http://example.org/\r\n"+
		"Connection: close\r\nContent-Length: 5\r\n\r\nhello")
	send(308, "GET", requestOf("GET", "/plain", ""))
	send(404, "GET", requestOf("GET", "/nowhere", ""))
	send(400, "GET", "GET /refused HTTP/1.1\r\n\r\n")
	send(200, "GET", requestOf("GET", "/limited/", ""))
	send(429, "GET", requestOf("GET", "/limited/again", ""))
	send(413, "POST", requestOf("POST", "/small/declared", strings.Repeat("x", 11)))
	send(413, "POST", inChunks("POST", "/small/chunked", strings.Repeat("x", 11)))
	send(200, "GET", requestOf("GET", "/retried/", ""))
	send(500, "GET", requestOf("GET", "/wrong/", ""))
	send(502, "POST", requestOf("POST", "/dead/", "hello"))
	send(503, "GET", requestOf("GET", "/stopped/", ""))
	socket := p.upgrade(t, "/ws/")
	socket.say(t, "hello")
	_ = socket.Close()
	leaving := p.send(t, requestOf("GET", "/hold/hold", ""))
	<-h.asked
	resetConn(leaving)
	waiting := p.send(t, requestOf("GET", "/waits/", ""))
	p.held(t, "/waits", 1)
	routes := slices.Clone(p.current.Load().Table.Routes())
	for i := range routes {
		if routes[i].Prefix.String() == "/waits" {
			routes[i].Targets = []route.Target{app(t, "after", nil)}
		}
	}
	p.SetTable(route.Build(routes, nil))
	if got := read(t, bufio.NewReader(waiting), "GET"); got.StatusCode != 200 {
		t.Errorf("the request that waited got %d", got.StatusCode)
	}
}

// logWants are the members of the lines of sendLogged, by path.
var logWants = map[string]logLine{
	"/plain/a%20b": {
		"status": 200, "method": "POST", "query": "c=d", "host": "example.org", "protocol": "HTTP/1.1", "tls": false, "client": "127.0.0.1",
		"bytes_received": 5, "bytes_sent": len("POST 5"), "route": "/plain", "service": "plain", "target": "plain",
		"user_agent": "test/1", "referer": "http://example.org/", "error": nil, "retries": nil, "wait_ms": nil, "upgraded": nil, "peer": nil,
	},
	"/plain":          {"status": 308, "route": "/plain", "target": nil, "error": nil, "target_ms": nil, "target_address": nil},
	"/nowhere":        {"status": 404, "route": nil, "service": nil, "target": nil, "error": "not_found", "target_ms": nil},
	"/refused":        {"status": 400, "route": nil, "target": nil, "error": "bad_request", "client": "127.0.0.1"},
	"/limited/":       {"status": 200, "route": "/limited", "target": "limited", "error": nil},
	"/limited/again":  {"status": 429, "route": "/limited", "target": nil, "error": "too_many_requests"},
	"/small/declared": {"status": 413, "route": "/small", "target": nil, "error": "body_too_large"},
	"/small/chunked":  {"status": 413, "route": "/small", "target": "small", "error": "body_too_large"},
	"/retried/":       {"status": 200, "route": "/retried", "retries": 1, "error": nil, "wait_ms": nil},
	"/wrong/":         {"status": 500, "target": "wrong", "error": nil, "retries": nil},
	"/dead/":          {"status": 502, "target": "dead", "error": "unreachable", "target_ms": nil, "wait_ms": nil},
	"/stopped/":       {"status": 503, "target": nil, "error": "stopped", "wait_ms": nil},
	"/ws/":            {"status": 101, "target": "ws", "upgraded": true, "error": nil},
	"/hold/hold":      {"status": 499, "target": "held", "error": "gone", "target_ms": nil},
	"/waits/":         {"status": 200, "route": "/waits", "target": "after", "error": nil},
}

func TestLog_HasALineForEachRequest(t *testing.T) {
	log, closeLog := keepLog(t)
	h := newHoldingApp(t, "held")
	p := loggedProxy(t, log, h)
	sendLogged(t, p, h)
	requests := uint64(len(logWants))
	seen, ids, classes := map[string]int{}, map[any]bool{}, map[string]uint64{}
	for _, l := range p.logLines(t, closeLog, requests) {
		path, _ := l["path"].(string)
		want, known := logWants[path]
		if !known {
			t.Errorf("there is a line of %q", path)
			continue
		}
		l.wants(t, want)
		seen[path]++
		ids[l["request_id"]] = true
		status, _ := l["status"].(float64)
		class := fmt.Sprintf("%dxx", int(status)/100)
		if status == request.StatusGone {
			class = "gone"
		}
		routeOf, _ := l["route"].(string)
		classes[routeOf+" "+class]++
		if answered := l["target_ms"] != nil; answered != (want["target"] != nil && l["error"] == nil || path == "/retried/") {
			t.Errorf("%s: target_ms is %v", path, l["target_ms"])
		}
		if path == "/waits/" && (l["wait_ms"] == nil || l["wait_ms"].(float64) > l["duration_ms"].(float64)) {
			t.Errorf("%s waited %v of %v ms", path, l["wait_ms"], l["duration_ms"])
		}
	}
	for path := range logWants {
		if seen[path] != 1 {
			t.Errorf("%s has %d lines", path, seen[path])
		}
	}
	if len(ids) != len(logWants) {
		t.Errorf("%d ids of %d requests", len(ids), len(logWants))
	}
	wantsCounted(t, p, classes)
}

// wantsCounted fails unless these are the counts, by route and class.
func wantsCounted(t *testing.T, p *running, classes map[string]uint64) {
	t.Helper()
	ledger := p.traffic.Snapshot(time.Now())
	for _, counts := range append(ledger.Routes, traffic.RouteCounts{Counts: ledger.Unrouted}, traffic.RouteCounts{Key: "removed", Counts: ledger.Removed}) {
		for class, n := range counts.Requests {
			key := counts.Key + " " + traffic.Class(class).String()
			if n != classes[key] {
				t.Errorf("%s: %d requests are counted, %d logged", key, n, classes[key])
			}
			delete(classes, key)
		}
	}
	if len(classes) > 0 {
		t.Errorf("logged but not counted: %v", classes)
	}
}
