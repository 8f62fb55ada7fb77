package traffic

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
)

func TestRoute_FitsCacheLines(t *testing.T) {
	if got := unsafe.Sizeof(entry{}); got != 160 {
		t.Errorf("an entry has %d bytes, want 160", got)
	}
	if got := unsafe.Sizeof(Route{}); got != 128 && unsafe.Sizeof(uintptr(0)) == 8 {
		t.Errorf("a route has %d bytes, want 128", got)
	}
	if got := unsafe.Offsetof(Route{}.sums); got > 64 {
		t.Errorf("what each request touches has %d bytes, want 64 at most", got)
	}
}

func TestRoute_AllocatesNothingForARequest(t *testing.T) {
	var r Route
	q := Request{ID: [16]byte{1}, Status: 200, Method: "GET", Target: "web", Took: time.Millisecond, Began: noon}
	path := "/" + strings.Repeat("x", 500)
	end := func(n int) {
		r.Begin()
		q.Path = path[:n]
		r.End(&q)
	}
	for range 2 * ringSize {
		end(len(path))
	}
	n := 0
	if allocs := testing.AllocsPerRun(3*ringSize, func() { n++; end(n % len(path)) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func sample(path string) *Request {
	return &Request{
		ID: [16]byte{1}, Method: "GET", Path: path, Target: "robots-web-1", Status: 200,
		Began: noon, Took: 1500 * time.Microsecond, Sent: 1234,
	}
}

func BenchmarkRoute_End(b *testing.B) {
	for _, path := range []string{"/robots/style.css", "/robots/wp-content/themes/twentytwenty/assets/css/style.min.css", "/" + strings.Repeat("x", 150)} {
		for _, count := range []int{1, 100, 10_000} {
			b.Run(fmt.Sprintf("path=%d/routes=%d", len(path), count), func(b *testing.B) { benchEnd(b, path, count) })
		}
	}
}

func benchEnd(b *testing.B, path string, count int) {
	routes := make([]*Route, count)
	q := sample(path)
	for i := range routes {
		routes[i] = new(Route)
		for range 2 * ringSize {
			routes[i].Begin()
			routes[i].End(q)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	order := make([]*Route, 1<<16)
	for i := range order {
		order[i] = routes[rng.IntN(count)]
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r := order[i&(1<<16-1)]
		i++
		r.Begin()
		r.End(q)
	}
}

func BenchmarkBucket(b *testing.B) {
	sum := 0
	for i := int64(1e6); b.Loop(); i++ {
		sum += bucket(i)
	}
	if sum == 0 {
		b.Fatal("nothing was put anywhere")
	}
}

func BenchmarkRoute_EndAtOnce(b *testing.B) {
	var r Route
	b.RunParallel(func(pb *testing.PB) {
		q := sample("/robots/style.css")
		for pb.Next() {
			r.Begin()
			r.End(q)
		}
	})
}

// BenchmarkRoute_Size reports how much memory a route takes after so many requests.
func BenchmarkRoute_Size(b *testing.B) {
	for _, requests := range []int{0, 1, 10, 50, 1000} {
		b.Run(fmt.Sprintf("requests=%d", requests), func(b *testing.B) {
			const count = 1000
			q := sample("/robots/wp-content/themes/twentytwenty/assets/css/style.min.css")
			for b.Loop() {
				routes := make([]*Route, count)
				before := heap()
				for i := range routes {
					routes[i] = new(Route)
					for range requests {
						routes[i].Begin()
						routes[i].End(q)
					}
				}
				b.ReportMetric(float64(heap()-before)/count, "B/route")
				runtime.KeepAlive(routes)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkRegistry_Ledger(b *testing.B) {
	for _, count := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("routes=%d", count), func(b *testing.B) {
			var registry Registry
			var keys []string
			for i := range count {
				keys = append(keys, fmt.Sprintf("/app%d", i))
			}
			registry.Keep(keys, noon)
			for b.Loop() {
				registry.Snapshot(noon)
			}
		})
	}
}
