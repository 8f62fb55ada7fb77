package proxy

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/engine"
	"gateway/proxy/request"
	"gateway/proxy/route"
)

// TestChaos_LosesAndMixesUpNoRequest sends requests of many clients to apps whose replicas start, stop, break off, fail,
// hang, move and send malformed responses, while the table changes ten times a second. Each request gets exactly
// one well-formed response, its own or the gateway's, or its connection ends. A response that broke off shows that it did.
// No client gets an error that a retry would have avoided, and no request reaches two replicas that must not. Metrics,
// access log and clients agree on all of them. When it ends, it leaves no goroutine and no descriptor behind.
//
//	GATEWAY_CHAOS_SEED=n      repeats what another run drew
//	GATEWAY_CHAOS_MINUTES=n   goes on for that long
func TestChaos_LosesAndMixesUpNoRequest(t *testing.T) {
	seed := uint64(number(t, "GATEWAY_CHAOS_SEED", int(time.Now().UnixNano()&0xffffff)))
	until := time.Now().Add(time.Duration(number(t, "GATEWAY_CHAOS_MINUTES", 0)) * time.Minute)
	t.Logf("GATEWAY_CHAOS_SEED=%d", seed)
	files := settledFiles(t)
	pprof.Do(t.Context(), pprof.Labels("chaos", "yes"), func(context.Context) {
		for round := uint64(0); round == 0 || time.Now().Before(until) && !t.Failed(); round++ {
			newChaos(t, seed+round).run()
		}
	})
	noGoroutines(t, "chaos")
	eventually(t, "all descriptors are closed", func() bool { runtime.GC(); return openFiles() <= files })
}

const (
	// chaosTime and minVisits are for how long, and how often at least, each client sends requests.
	chaosTime    = 4 * time.Second
	minVisits    = 8
	http1Clients = 36
	http2Clients = 12
	// wildRoutes is how many routes there are to the replicas that respond with faults.
	wildRoutes = 6
)

// chaos is a proxy with its apps, its clients and the record of all that happens.
type chaos struct {
	recorder
	proxy *running
	// secure is the address with TLS.
	secure string
	seed   uint64
	apps   []*chaosApp
	storm  *chaosApp
	// wild are the replicas behind the wild routes.
	wild     []*replica
	closeLog func() string
	// swapped is when the current table came.
	swapped time.Time
}

func newChaos(t *testing.T, seed uint64) *chaos {
	t.Helper()
	hold := time.Minute
	if seed%3 == 0 {
		// Requests do not wait then: those to an app without a target get an error.
		hold = 0
	}
	c := &chaos{recorder: recorder{t: t, requests: map[string]*traced{}, open: map[*traced]bool{}}, seed: seed}
	c.add("rolling", 3, startFirst, route.Policy{}).neverFails = true
	c.add("rolling2", 2, startFirst, route.Policy{}).neverFails = true
	lone := c.add("lone", 1, stopFirst, route.Policy{})
	lone.neverFails, lone.waits, lone.rest = hold > 0, true, 8
	taken := c.add("taken", 1, takeOver, route.Policy{})
	taken.retriesNeverFail, taken.rest = true, 6
	c.add("turns2", 3, mishap, route.Policy{Balance: route.RoundRobin})
	c.add("pairs", 3, mishap, route.Policy{})
	c.add("turns", 4, mishap, route.Policy{Balance: route.RoundRobin})
	c.add("sticky", 3, mishap, route.Policy{Balance: route.Sticky})
	c.add("checked", 3, mishap, route.Policy{Check: route.Check{
		Path: checkPath, Interval: 100 * time.Millisecond, Timeout: time.Minute, Rise: 1, Fall: 2,
	}})
	// So few of its replicas work that it spends its budget of retries.
	c.storm = c.add("storm", 6, nothing, route.Policy{})
	for _, broken := range c.storm.slots[1:] {
		broken.now.replica.behave(breaking)
	}
	fleeting := c.add("fleeting", 1, nothing, route.Policy{})
	fleeting.neverFails, fleeting.waits, fleeting.comesAndGoes = hold > 0, true, true
	for i := range wildRoutes {
		c.apps = append(c.apps, &chaosApp{chaos: c, name: "wild" + strconv.Itoa(i), wild: true, comesAndGoes: true})
	}
	for i := range 4 {
		name := "wild" + strconv.Itoa(i)
		c.wild = append(c.wild, newReplica(&c.recorder, nil, at(name, ""), seed+uint64(i)))
	}
	access, closeLog := keepLog(t)
	// A busy machine may need long to connect.
	config := withTLS(t, Config{Hold: hold, AccessLog: access, Timeouts: engine.Timeouts{Connect: time.Minute}, hurry: time.Minute})
	c.proxy, c.closeLog = start(t, config), closeLog
	c.secure = secureAddress(t, c.proxy)
	return c
}

// add adds an app with that many replicas. They speak HTTP/2 if its name ends with a 2.
func (c *chaos) add(name string, replicas int, change func(*slot) []step, policy route.Policy) *chaosApp {
	a := &chaosApp{chaos: c, name: name, scheme: route.HTTP, policy: policy, change: change, rest: 1}
	if strings.HasSuffix(name, "2") {
		a.scheme = route.H2C
	}
	for i := range replicas {
		s := &slot{app: a, rng: rand.New(rand.NewPCG(c.seed, uint64(len(c.apps)*100+i)))}
		s.now = s.launch("")
		s.now.state = route.Ready
		a.slots = append(a.slots, s)
	}
	c.apps = append(c.apps, a)
	return a
}

// run has clients send requests while the tables change, and judges what happened.
func (c *chaos) run() {
	rng := rand.New(rand.NewPCG(c.seed, 6))
	c.swap(rng)
	stop := make(chan struct{})
	var changing, sending sync.WaitGroup
	changing.Go(func() { c.changeTables(rng, stop) })
	end := time.Now().Add(chaosTime)
	for i := range http1Clients + http2Clients {
		sending.Go(func() {
			v := &chaosClient{chaos: c, rng: rand.New(rand.NewPCG(c.seed, 1000+uint64(i))), name: fmt.Sprintf("id-%d-%d", c.seed, i)}
			if i >= http1Clients {
				v.transport = &http.Transport{ForceAttemptHTTP2: true, DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
				defer v.transport.CloseIdleConnections()
			}
			for n := 0; n < minVisits || time.Now().Before(end); n++ {
				v.connect()
			}
		})
	}
	sending.Wait()
	close(stop)
	changing.Wait()
	eventually(c.t, "no request is under way", func() bool { return c.proxy.Status().Proxy.Inflight == 0 })
	c.stop()
	oracle{c, c.compareLog(c.closeLog())}.judge()
}

// changeTables lets things happen, and the table follow, until stop is closed.
func (c *chaos) changeTables(rng *rand.Rand, stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		for _, a := range c.apps {
			for _, s := range a.slots {
				s.act()
			}
		}
		c.swap(rng)
	}
}

// swap applies the next table, in which each route is mounted anew. Wild routes change their targets too.
func (c *chaos) swap(rng *rand.Rand) {
	var routes []route.Route
	there := map[*chaosApp]bool{}
	for _, a := range c.apps {
		// No request waits for a route that never was.
		if a.comesAndGoes && !c.swapped.IsZero() && rng.IntN(5) == 0 {
			continue
		}
		targets, _ := a.table()
		if a.wild {
			one, other := c.wild[rng.IntN(len(c.wild))].Target, c.wild[rng.IntN(len(c.wild))].Target
			if targets = []route.Target{one}; other.ID != one.ID {
				targets = append(targets, other)
			}
		}
		r := mount(c.t, "/"+a.name, []route.Mount{route.Strip, route.Preserve}[rng.IntN(2)], targets...)
		r.Service, r.Policy = a.name, a.policy
		routes = append(routes, r)
		there[a] = true
	}
	table := route.Build(routes, nil)
	before := time.Now()
	c.proxy.SetTable(table)
	c.swapped = time.Now()
	for _, a := range c.apps {
		_, ready := a.table()
		for _, r := range a.replicas {
			r.tabled(there[a] && ready[r], before, c.swapped)
		}
	}
}

// stop stops the proxy and then the replicas. As long as the proxy serves, it may log requests of clients that have left.
func (c *chaos) stop() {
	c.proxy.stop()
	if err := <-c.proxy.ended; err != nil {
		c.t.Errorf("Serve = %v", err)
	}
	all := c.wild
	for _, a := range c.apps {
		all = append(all, a.replicas...)
	}
	for _, r := range all {
		r.behave(stopped)
		r.running.Wait()
	}
	if strings.Contains(c.proxy.log.String(), "panic") {
		c.t.Error(c.proxy.log)
	}
}

// accessLine is a line of the access log.
type accessLine struct {
	Path, Route, Target, Error string
	Status, Retries            int
	BytesReceived              int `json:"bytes_received"`
	BytesSent                  int `json:"bytes_sent"`
}

// series are the names of metrics that a request adds to, and by how much.
func (l *accessLine) series() map[string]float64 {
	class, name := strconv.Itoa(l.Status/100)+"xx", fmt.Sprintf("route=%q}", cmp.Or(l.Route, "none"))
	if l.Status == request.StatusGone || l.Status < 100 {
		class = "gone"
	}
	return map[string]float64{
		fmt.Sprintf("gateway_requests_total{class=%q,", class) + name: 1,
		"gateway_request_bytes_total{" + name:                         float64(l.BytesReceived),
		"gateway_response_bytes_total{" + name:                        float64(l.BytesSent),
		"gateway_retries_total{" + name:                               float64(l.Retries),
	}
}

// compareLog compares the access log with what clients received and with the metrics, and returns its lines by the ids of
// requests. A client that left, or whose response broke off within its head, does not know its status; the log must
// not say of any other client that it left.
func (c *chaos) compareLog(text string) map[string]*accessLine {
	logged, lines := map[string]float64{}, map[string]*accessLine{}
	for _, line := range readLines[accessLine](c.t, text) {
		id := line.Path[strings.LastIndexByte(line.Path, '/')+1:]
		q := c.requests[id]
		switch {
		case q == nil || lines[id] != nil:
			c.errorf("the access log has a line for no request, or a second one: %+v", line)
			continue
		case q.status != 0 && q.status != line.Status:
			c.errorf("%s got %d, and the access log says %d", q.id, q.status, line.Status)
		case line.Status == request.StatusGone && !q.leaves:
			c.errorf("%s did not leave, and the access log says so: %+v", q.id, line)
		case line.Route != "/"+q.app.name && (line.Route != "" || !q.app.comesAndGoes):
			c.errorf("%s was for %s, and the access log says %q", q.id, q.app.name, line.Route)
		}
		lines[id] = &line
		for name, n := range line.series() {
			logged[name] += n
		}
	}
	for id, q := range c.requests {
		if lines[id] == nil && (q.status != 0 || !q.leaves && !q.unreached) {
			c.errorf("%s %s is not in the access log (%d, %v)", q.method, id, q.status, q.err)
		}
	}
	counted, measured := c.proxy.metrics(c.t), 0
	for name, n := range logged {
		if counted[name] != n {
			c.errorf("%s is %v, and %v by the access log", name, counted[name], n)
		}
	}
	for name, n := range counted {
		kind, _, _ := strings.Cut(name, "{")
		if kind == "gateway_request_duration_seconds_count" {
			measured += int(n)
		}
		_, known := logged[name]
		if n != 0 && !known && slices.Contains([]string{
			"gateway_requests_total", "gateway_request_bytes_total", "gateway_response_bytes_total", "gateway_retries_total",
			"gateway_requests_in_flight", "gateway_removed_requests_total",
		}, kind) {
			c.errorf("%s is %v, and 0 by the access log", name, n)
		}
	}
	if measured != len(lines) {
		c.errorf("the histograms have %d requests, the access log %d", measured, len(lines))
	}
	return lines
}
