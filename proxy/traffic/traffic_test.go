package traffic

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"gateway/proxy/admin"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func record(r *Route, at time.Time, millis float64, status int) {
	r.Begin()
	r.End(at, admin.Request{Status: status, Millis: millis}, false)
}

func TestRoute_CountsRequestsAndErrors(t *testing.T) {
	var r Route
	record(&r, noon, 1, 200)
	record(&r, noon, 1, 404)
	record(&r, noon, 1, 500)
	record(&r, noon, 1, 503)
	r.Begin()
	if got := r.Figures(noon); got.Requests != 4 || got.Errors != 2 || got.Inflight != 1 {
		t.Errorf("Figures = %+v, want 4 requests, 2 errors, 1 under way", got)
	}
}

func TestRoute_TakesTheRateOverTenSeconds(t *testing.T) {
	var r Route
	for i := range 100 {
		record(&r, noon.Add(time.Duration(i)*100*time.Millisecond), 1, 200)
	}
	for _, test := range []struct {
		after time.Duration
		want  float64
	}{
		{9 * time.Second, 10}, {14 * time.Second, 5}, {18 * time.Second, 1}, {19 * time.Second, 0}, {time.Hour, 0},
	} {
		if got := r.Figures(noon.Add(test.after)).Rate; got != test.want {
			t.Errorf("after %s the rate is %v, want %v", test.after, got, test.want)
		}
	}
}

func TestRoute_TellsQuantilesOfTheLastMinute(t *testing.T) {
	var r Route
	for i := range 100 {
		record(&r, noon, float64(i+1), 200)
	}
	got := r.Figures(noon.Add(40 * time.Second))
	if math.Abs(got.P50-50) > 5 || math.Abs(got.P95-95) > 9.5 {
		t.Errorf("p50 %v and p95 %v, want 50 and 95 within a tenth", got.P50, got.P95)
	}
	record(&r, noon.Add(59*time.Second), 1000, 200)
	if got := r.Figures(noon.Add(61 * time.Second)); got.P50 < 900 || got.P50 > 1100 {
		t.Errorf("p50 %v after a minute, want 1000: the older ones are forgotten", got.P50)
	}
	if got := r.Figures(noon.Add(time.Hour)); got.P50 != 0 || got.P95 != 0 {
		t.Errorf("quantiles %v and %v without requests, want 0", got.P50, got.P95)
	}
}

func TestRoute_LeavesStreamsOutOfLatencies(t *testing.T) {
	var r Route
	record(&r, noon, 2, 200)
	for range 10 {
		r.Begin()
		r.End(noon, admin.Request{Status: 101, Millis: 3_600_000}, true)
	}
	if got := r.Figures(noon); got.P95 > 3 || got.Requests != 11 || got.Rate != 1.1 {
		t.Errorf("Figures = %+v, want all counted and p95 of the one that was no stream", got)
	}
}

func TestRoute_RemembersTheLastFifty(t *testing.T) {
	var r Route
	if got := r.Last(); len(got) != 0 {
		t.Errorf("Last = %v before the first", got)
	}
	for i := range 120 {
		r.Begin()
		r.End(noon, admin.Request{ID: fmt.Sprint(i), Path: "/" + strings.Repeat("x", 500), Method: strings.Repeat("M", 99)}, false)
	}
	last := r.Last()
	if len(last) != 50 || last[0].ID != "119" || last[49].ID != "70" {
		t.Fatalf("%d requests from %s to %s, want 50 from 119 to 70", len(last), last[0].ID, last[len(last)-1].ID)
	}
	if len(last[0].Path) != 200 || len(last[0].Method) != 20 {
		t.Errorf("path of %d and method of %d bytes, want 200 and 20", len(last[0].Path), len(last[0].Method))
	}
}

func TestBook_ForgetsRoutesThatLeft(t *testing.T) {
	var b Book
	b.Keep([]string{"/a", "/b"})
	a := b.Route("/a")
	record(a, noon, 1, 200)
	b.Keep([]string{"/a"})
	if b.Route("/a") != a || b.Route("/b") != nil {
		t.Error("/a must stay and /b must be gone")
	}
	b.Keep(nil)
	b.Keep([]string{"/a"})
	if b.Route("/a").Figures(noon).Requests != 0 {
		t.Error("a route that left and came again must start anew")
	}
}

func TestBucket_StaysInRange(t *testing.T) {
	for _, millis := range []float64{math.NaN(), math.Inf(-1), -1, 0, 0.05, 1, 300_000, 1e18, math.MaxFloat64} {
		if b := bucket(millis); b < 0 || b >= bucketCount {
			t.Errorf("bucket(%v) = %d", millis, b)
		}
	}
}

func TestRoute_CountsConcurrently(t *testing.T) {
	var r Route
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				record(&r, noon.Add(time.Duration(i)*time.Second), 1, 200)
				r.Figures(noon)
				r.Last()
			}
		})
	}
	wg.Wait()
	if got := r.Figures(noon); got.Requests != 4000 || got.Inflight != 0 {
		t.Errorf("Figures = %+v", got)
	}
}

func TestRoute_AllocatesNothingForARequest(t *testing.T) {
	var r Route
	path := "/" + strings.Repeat("x", 500)
	end := func(n int) {
		r.Begin()
		r.End(noon, admin.Request{ID: "00112233445566778899aabbccddeeff", Status: 200, Method: "GET", Path: path[:n], Millis: 1.5}, false)
	}
	for range ringSize {
		end(len(path))
	}
	n := 0
	if allocs := testing.AllocsPerRun(3*ringSize, func() { n++; end(n % len(path)) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestRoute_KeepsNothingThatIsBorrowed(t *testing.T) {
	var r Route
	borrowed := []byte("GET/robots/")
	text := unsafe.String(&borrowed[0], len(borrowed))
	r.Begin()
	r.End(noon, admin.Request{ID: text[:2], Method: text[:3], Path: text[3:], Target: "robots", Bytes: 7}, false)
	last := r.Last()
	copy(borrowed, "overwritten")
	record(&r, noon, 1, 200)
	for _, got := range []admin.Request{last[0], r.Last()[1]} {
		if want := (admin.Request{ID: "GE", Method: "GET", Path: "/robots/", Target: "robots", Bytes: 7}); got != want {
			t.Errorf("remembered %+v, want %+v", got, want)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	var r Route
	request := admin.Request{Status: 200, Method: "GET", Path: "/robots/style.css", Millis: 1.5, ID: "00112233445566778899aabbccddeeff"}
	b.ReportAllocs()
	for b.Loop() {
		r.Begin()
		r.End(noon, request, false)
	}
}
