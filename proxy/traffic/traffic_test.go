package traffic

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// record notes a request that ended then.
func record(r *Route, ended time.Time, took time.Duration, status int) {
	r.Begin()
	r.End(&Request{Status: status, Began: ended.Add(-took), Took: took})
}

func TestRegistry_KeepsFiguresOfRoutesThatComeBackSoon(t *testing.T) {
	var g Registry
	g.Keep([]string{"/a", "/b"}, noon)
	a := g.Route("/a")
	record(a, noon, time.Millisecond, 200)
	g.Keep([]string{"/b"}, noon)
	if g.Route("/a") != nil || g.Route("/b") == nil {
		t.Error("/a must be gone and /b must stay")
	}
	g.Keep([]string{"/b", "/a", "/a"}, noon.Add(keepLeft-1))
	if g.Route("/a") != a || a.Figures(noon).Requests != 1 {
		t.Error("a route that comes back soon must go on")
	}
	g.Keep([]string{"/b"}, noon)
	g.Keep([]string{"/b", "/a"}, noon.Add(keepLeft))
	if got := g.Route("/a").Figures(noon).Requests; got != 1 {
		t.Errorf("%d requests of a route that was put back in the call that would have forgotten it, want 1", got)
	}
	g.Keep([]string{"/b"}, noon)
	g.Keep([]string{"/b"}, noon.Add(keepLeft))
	g.Keep([]string{"/b", "/a"}, noon.Add(keepLeft))
	if got := g.Route("/a").Figures(noon).Requests; got != 0 {
		t.Errorf("%d requests of a route that was away for long, want 0", got)
	}
	if got := g.Requests(); got != 1 {
		t.Errorf("%d requests in all, want 1", got)
	}
}

// A request may have found its route in a table that was replaced before the request was counted.
func TestRegistry_CountsLateRequestsWithTheirRoute(t *testing.T) {
	var g Registry
	g.Keep([]string{"/a", "/b"}, noon)
	a := g.Route("/a")
	g.Keep(nil, noon)
	if got := len(g.Snapshot(noon).Routes); got != 0 {
		t.Errorf("the snapshot has %d routes without requests", got)
	}
	record(a, noon, time.Millisecond, 200)
	l := g.Snapshot(noon)
	if len(l.Routes) != 1 || l.Routes[0].Key != "/a" || l.Routes[0].Total() != 1 || l.Removed.Total() != 0 {
		t.Errorf("%+v, want one request of /a", l)
	}
}

func TestRegistry_BoundsWhatItKeepsOfRoutesThatLeft(t *testing.T) {
	var g Registry
	var keys []string
	for i := range 3 * mostLeft {
		keys = append(keys, fmt.Sprintf("/%04d", i))
	}
	g.Keep(keys, noon)
	for _, key := range keys[:2*mostLeft] {
		record(g.Route(key), noon, time.Millisecond, 200)
	}
	for i := 0; i < len(keys); i += 100 {
		g.Keep(keys[i:], noon.Add(time.Duration(i)*time.Millisecond))
	}
	g.Keep(nil, noon.Add(time.Minute))
	l := g.Snapshot(noon.Add(time.Minute))
	if len(l.Routes) != mostLeft || l.Removed.Total() != mostLeft {
		t.Errorf("%d routes are kept and %d requests of removed routes, want %d each", len(l.Routes), l.Removed.Total(), mostLeft)
	}
	for _, r := range l.Routes {
		if r.Key < keys[mostLeft] || r.Total() != 1 {
			t.Fatalf("%s with %d requests is kept, want those that left last", r.Key, r.Total())
		}
	}
	if l = g.Snapshot(noon.Add(time.Hour)); len(l.Routes) != 0 || l.Removed.Total() != 2*mostLeft {
		t.Errorf("after an hour %d routes are kept and %d requests of removed routes", len(l.Routes), l.Removed.Total())
	}
}

func TestRegistry_MovesRequestsUnderWayOfAForgottenRoute(t *testing.T) {
	var g Registry
	g.Keep([]string{"/a", "/quiet"}, noon)
	a, quiet := g.Route("/a"), g.Route("/quiet")
	for range 3 {
		a.Begin()
	}
	a.End(&Request{Status: 200, Refused: ByRate, Received: 1, Sent: 2, Retries: 3, Took: time.Second})
	a.Ejected()
	g.Keep(nil, noon)
	g.Keep(nil, noon.Add(time.Hour))
	if got := g.Inflight(); got != 2 {
		t.Errorf("%d under way, want 2", got)
	}
	a.End(&Request{Status: 500, Received: 10, Sent: 20, Retries: 30, Took: time.Second})
	// From a request that still has the old table.
	a.Begin()
	quiet.Begin()
	a.Ejected()
	if got := g.Inflight(); got != 3 {
		t.Errorf("%d under way, want 3", got)
	}
	for _, r := range []*Route{a, a, quiet} {
		r.End(&Request{Status: 200, Streamed: true, Took: time.Hour})
	}
	want := Counts{Received: 11, Sent: 22, Retries: 33, Ejections: 2, Latency: Latency{Sum: 2 * time.Second}}
	want.Requests[Success], want.Requests[ServerError], want.Refused[ByRate] = 4, 1, 1
	want.Latency.Buckets[9] = 2
	if got := g.Snapshot(noon.Add(time.Hour)).Removed; got != want {
		t.Errorf("the removed routes have %+v, want %+v", got, want)
	}
	if got := g.Requests(); got != 5 {
		t.Errorf("%d requests in all, want 5", got)
	}
	if got := a.Counts(); got != (Counts{}) {
		t.Errorf("a forgotten route still has %+v", got)
	}
}

func TestRoute_EndsWhatBeganElsewhere(t *testing.T) {
	var r Route
	for range 3 {
		r.End(&Request{Status: 200})
	}
	for range 2 {
		r.Begin()
	}
	if got := r.Figures(noon); got.Requests != 3 || got.Inflight != 0 {
		t.Errorf("Figures = %+v, want 3 requests and none under way", got)
	}
}

// TestRegistry_LosesNothing has requests end in routes that come and go, and are held while they are forgotten.
func TestRegistry_LosesNothing(t *testing.T) {
	const clients, each = 8, 20_000
	var g Registry
	all := []string{"/a", "/b", "/c", "/d"}
	g.Keep(all, noon)
	stop := make(chan struct{})
	var swapping, sending sync.WaitGroup
	swapping.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			// Each step is more than what a route is kept for.
			g.Keep(all[:i%len(all)], noon.Add(time.Duration(i)*keepLeft))
			before := together(g.Snapshot(noon))
			if after := g.Requests(); before.Total() > after {
				t.Errorf("the ledger has %d requests and then there are %d", before.Total(), after)
			}
		}
	})
	for v := range clients {
		sending.Go(func() {
			held := g.Unrouted()
			for i := range each {
				if i%16 == 0 {
					held = g.Route(all[(v+i/16)%len(all)])
				}
				if held == nil {
					held = g.Unrouted()
				}
				held.Begin()
				held.End(&Request{Status: 200 + i%4*100, Received: 1, Sent: 2, Retries: 1, Took: time.Duration(i), Began: noon})
			}
		})
	}
	sending.Wait()
	close(stop)
	swapping.Wait()
	if got := g.Requests(); got != clients*each {
		t.Errorf("%d requests, want %d", got, clients*each)
	}
	if got := g.Inflight(); got != 0 {
		t.Errorf("%d under way, want none", got)
	}
	want := Counts{Received: clients * each, Sent: 2 * clients * each, Retries: clients * each}
	want.Requests = [Classes]uint64{Success: clients * each / 4, clients * each / 4, clients * each / 4, clients * each / 4}
	want.Latency.Buckets[0], want.Latency.Sum = clients*each, clients*each*(each-1)/2
	if got := together(g.Snapshot(noon)); got != want {
		t.Errorf("all together have %+v, want %+v", got, want)
	}
}

// together is the sum of all counts but those of what goes on.
func together(l Snapshot) Counts {
	var s sums
	for _, c := range append(l.Routes, RouteCounts{"", l.Unrouted}, RouteCounts{"", l.Removed}) {
		s.merge(&c.Counts)
	}
	return s.Counts
}

func TestClassOf_TellsWhoWasAnswered(t *testing.T) {
	for status, want := range map[uint16]string{
		0: "gone", 101: "1xx", 199: "1xx", 200: "2xx", 204: "2xx", 308: "3xx", 400: "4xx", 404: "4xx", 498: "4xx", 499: "gone",
		500: "5xx", 503: "5xx", 599: "5xx", 999: "5xx",
	} {
		if got := classOf(status).String(); got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}

func TestLatency_CountsUpToEachBound(t *testing.T) {
	var l Latency
	for i, bound := range Bounds() {
		for range i + 1 {
			l.add(bound)
		}
	}
	l.add(time.Minute + 1)
	l.add(math.MaxInt64 / 2)
	for i, n := range l.Buckets[:len(bounds)] {
		if n != uint64(i+1) {
			t.Errorf("%d up to %s, want %d", n, bounds[i], i+1)
		}
	}
	if l.Buckets[len(bounds)] != 2 {
		t.Errorf("%d above all bounds, want 2", l.Buckets[len(bounds)])
	}
}

func TestBucket_IsATenthWideOnEachSide(t *testing.T) {
	for _, took := range []int64{math.MinInt64, -1, 0, 1, 1<<bucketBits - 1} {
		if b := bucket(took); b != 0 {
			t.Errorf("bucket(%v) = %d, want 0", took, b)
		}
	}
	for _, took := range []int64{1 << (bucketBits + octaves), math.MaxInt64} {
		if b := bucket(took); b != bucketCount-1 {
			t.Errorf("bucket(%v) = %d, want the last", took, b)
		}
	}
	for took, last := int64(1<<bucketBits), 1; took < 1<<(bucketBits+octaves); took += 1 + took/1000 {
		b := bucket(took)
		if b < last || b > last+1 {
			t.Fatalf("bucket(%d) = %d after %d", took, b, last)
		}
		last = b
		var counts [bucketCount]uint32
		counts[b] = 1
		millis := float64(took) / 1e6
		if got := quantile(&counts, 1, 0.5); math.Abs(got-millis) > millis/10+0.001 {
			t.Fatalf("%v ms count as %v, want that within a tenth", millis, got)
		}
	}
}
