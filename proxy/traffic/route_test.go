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

func TestRoute_CountsRequestsAndErrors(t *testing.T) {
	var r Route
	for _, status := range []int{200, 404, 500, 503} {
		record(&r, noon, time.Millisecond, status)
	}
	r.Begin()
	if got := r.Figures(noon); got.Requests != 4 || got.Errors != 2 || got.Inflight != 1 {
		t.Errorf("Figures = %+v, want 4 requests, 2 errors, 1 under way", got)
	}
}

func TestRoute_CountsByClass(t *testing.T) {
	var r Route
	for i, status := range []int{101, 200, 304, 404, 500, 499, 200} {
		r.Begin()
		r.End(&Request{Status: status, Received: int64(i), Sent: 100, Retries: i % 2, Took: 3 * time.Millisecond, Streamed: i == 0})
	}
	r.Ejected()
	want := Counts{Received: 21, Sent: 700, Retries: 3, Ejections: 1, Latency: Latency{Sum: 18 * time.Millisecond}}
	want.Requests = [Classes]uint64{Upgraded: 1, Success: 2, Redirected: 1, ClientError: 1, ServerError: 1, Gone: 1}
	want.Latency.Buckets[2] = 6
	for range 2 {
		if got := r.Counts(); got != want || got.Total() != 7 {
			t.Errorf("Counts = %+v, want %+v", got, want)
		}
	}
}

func TestRoute_TakesTheRateOverTenSeconds(t *testing.T) {
	var r Route
	for i := range 100 {
		record(&r, noon.Add(time.Duration(i)*100*time.Millisecond), time.Millisecond, 200)
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
	// One that comes late has a place that is in use again.
	record(&r, noon.Add(-time.Second), time.Millisecond, 200)
	if got := r.Figures(noon.Add(9 * time.Second)); got.Rate != 10 || got.Requests != 101 {
		t.Errorf("Figures = %+v after one that ended long ago, want a rate of 10 and 101 requests", got)
	}
}

func TestRoute_GoesOnWhenTheClockIsPutBack(t *testing.T) {
	var r Route
	seconds := func(began time.Time, took time.Duration) {
		for i := range 60 {
			for range 10 {
				record(&r, began.Add(time.Duration(i)*time.Second), took, 200)
			}
		}
	}
	seconds(noon, time.Second)
	before := noon.Add(-24 * time.Hour)
	if got := r.Figures(before); got.Rate != 0 || got.P50 != 0 {
		t.Errorf("%+v before anything ended", got)
	}
	seconds(before, time.Millisecond)
	if got := r.Figures(before.Add(59 * time.Second)); got.Rate != 10 || got.P95 > 2 || got.Requests != 1200 {
		t.Errorf("%+v, want a rate of 10, and 1 ms", got)
	}
}

func TestRoute_TellsQuantilesOfTheLastMinute(t *testing.T) {
	var r Route
	for i := range 100 {
		record(&r, noon, time.Duration(i+1)*time.Millisecond, 200)
	}
	got := r.Figures(noon.Add(40 * time.Second))
	if math.Abs(got.P50-50) > 5 || math.Abs(got.P95-95) > 9.5 {
		t.Errorf("p50 %v and p95 %v, want 50 and 95 within a tenth", got.P50, got.P95)
	}
	record(&r, noon.Add(60*time.Second), time.Second, 200)
	// This one belongs to the window that the one before took over.
	record(&r, noon, time.Millisecond, 200)
	if got := r.Figures(noon.Add(61 * time.Second)); got.P50 < 900 || got.P50 > 1100 {
		t.Errorf("p50 %v after a minute, want 1000: the older ones are forgotten", got.P50)
	}
	if got := r.Figures(noon.Add(time.Hour)); got.P50 != 0 || got.P95 != 0 {
		t.Errorf("quantiles %v and %v without requests, want 0", got.P50, got.P95)
	}
}

func TestRoute_LeavesStreamsOutOfLatencies(t *testing.T) {
	var r Route
	record(&r, noon, 2*time.Millisecond, 200)
	for range 10 {
		r.Begin()
		r.End(&Request{Status: 101, Began: noon.Add(-time.Hour), Took: time.Hour, Streamed: true})
	}
	if got := r.Figures(noon); got.P95 > 3 || got.Requests != 11 || got.Rate != 1.1 {
		t.Errorf("Figures = %+v, want all counted and p95 of the one that was no stream", got)
	}
	if got := r.Counts().Latency.Sum; got != 2*time.Millisecond {
		t.Errorf("latencies of %s, want those of the one that was no stream", got)
	}
}

func TestRoute_RemembersTheLastFifty(t *testing.T) {
	var r Route
	if got := r.Last(); len(got) != 0 {
		t.Errorf("Last = %v before the first", got)
	}
	for i := range 120 {
		r.Begin()
		r.End(&Request{Path: fmt.Sprint(i)})
		if got := r.Last(); len(got) != min(i+1, 50) || got[0].Path != fmt.Sprint(i) || got[len(got)-1].Path != fmt.Sprint(max(0, i-49)) {
			t.Fatalf("%d requests from %s to %s after %d", len(got), got[0].Path, got[len(got)-1].Path, i)
		}
	}
}

func TestRoute_RemembersWhatARequestWas(t *testing.T) {
	id := [16]byte{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	var r Route
	for _, test := range []struct{ method, target, path string }{
		{"GET", "robots-web-1", "/robots/style.css"},
		{"GET", "", "/"},
		{"", "", ""},
		{"PROPFIND", "a", "/b"},
		{"POST", strings.Repeat("t", maxTarget), "/" + strings.Repeat("x", maxPath-1)},
		{strings.Repeat("M", maxMethod), "", "/" + strings.Repeat("y", maxPath-1)},
		{"GET", "robots", "/" + strings.Repeat("z", len(entry{}.text)-len("GETrobots/"))},
		{"GET", "robots", "/" + strings.Repeat("z", len(entry{}.text)-len("GETrobots"))},
	} {
		r.Begin()
		r.End(&Request{
			ID: id, Method: test.method, Target: test.target, Path: test.path,
			Status: 404, Began: noon, Took: 1234567 * time.Nanosecond, Sent: 1 << 40,
		})
		got := r.Last()[0]
		if !got.Time.Equal(noon) {
			t.Errorf("it began at %v, want %v", got.Time, noon)
		}
		got.Time = time.Time{}
		want := admin.Request{
			ID: "00112233445566778899aabbccddeeff", Method: test.method, Target: test.target, Path: test.path,
			Status: 404, Millis: 1.234, Bytes: 1 << 40,
		}
		if got != want {
			t.Errorf("remembered %+v, want %+v", got, want)
		}
	}
}

func TestRoute_CutsWhatIsLong(t *testing.T) {
	var r Route
	long := strings.Repeat("x", 500)
	r.Begin()
	r.End(&Request{Method: long, Target: long, Path: long, Status: 1 << 20, Retries: 1 << 20, Took: -1})
	got := r.Last()[0]
	if len(got.Method) != 20 || len(got.Target) != 100 || len(got.Path) != 200 {
		t.Errorf("remembered %+v, want a method of 20, a target of 100 and a path of 200 bytes", got)
	}
	if got.Millis != 0 || r.Counts().Requests[ServerError] != 1 {
		t.Errorf("remembered %+v and counted %+v", got, r.Counts())
	}
}

func TestRoute_KeepsNothingThatIsBorrowed(t *testing.T) {
	var r Route
	borrowed := []byte("GET/robots/" + strings.Repeat("x", 100))
	text := unsafe.String(&borrowed[0], len(borrowed))
	for _, end := range []int{len("GET/robots/"), len(text)} {
		r.Begin()
		r.End(&Request{Method: text[:3], Target: text[4:10], Path: text[3:end]})
	}
	last := r.Last()
	clear(borrowed)
	for i, got := range append(last, r.Last()...) {
		if got.Method != "GET" || got.Target != "robots" || !strings.HasPrefix(got.Path, "/robots/") {
			t.Errorf("%d: remembered %+v", i, got)
		}
	}
}

func TestRoute_CountsConcurrently(t *testing.T) {
	var r Route
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				record(&r, noon.Add(time.Duration(i)*time.Second), time.Millisecond, 200)
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
