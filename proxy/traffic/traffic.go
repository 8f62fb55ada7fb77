// Package traffic counts what routes see: totals, requests under way, rate and latencies of the last minute, and the
// last requests. It knows routes by their keys alone. What it keeps is bounded: it forgets a route that left the
// table, and a route without requests costs next to nothing. All times are given by the caller.
package traffic

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"gateway/proxy/admin"
)

// Book holds the figures of all routes. The zero value is empty; it is safe for concurrent use.
type Book struct {
	requests atomic.Uint64
	inflight atomic.Int64

	mu     sync.Mutex
	routes map[string]*Route
}

// Keep makes the book hold exactly the routes with these keys: new ones start at zero, the others are forgotten. Who
// still holds a forgotten route may go on counting in it.
func (b *Book) Keep(keys []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := make(map[string]*Route, len(keys))
	for _, key := range keys {
		kept[key] = b.routes[key]
		if kept[key] == nil {
			kept[key] = &Route{}
		}
	}
	b.routes = kept
}

// Route returns the figures of a route, or nil when the book does not hold it.
func (b *Book) Route(key string) *Route {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.routes[key]
}

// Requests is the number of requests that ended, of all routes and of none.
func (b *Book) Requests() uint64 { return b.requests.Load() }

// Inflight is the number of requests under way.
func (b *Book) Inflight() int64 { return b.inflight.Load() }

// Begin notes that a request began; it must be followed by one End.
func (b *Book) Begin() { b.inflight.Add(1) }

// End notes that a request ended.
func (b *Book) End() {
	b.inflight.Add(-1)
	b.requests.Add(1)
}

// Route holds the figures of one route. The zero value is ready; it is safe for concurrent use.
type Route struct {
	inflight atomic.Int64

	mu               sync.Mutex
	requests, errors uint64
	recent           *recent // nil as long as there was no request
}

// recent is what a route remembers of its last minute and its last requests.
type recent struct {
	seconds [rateSpan]second
	windows [windowCount]window
	ring    [ringSize]entry
	next    int // in the ring
	count   uint64
}

const (
	// rateSpan is over how many seconds the rate is taken.
	rateSpan = 10
	// windowSpan times windowCount is over how many seconds latencies are taken.
	windowSpan, windowCount = 10, 6
	// ringSize is how many requests are remembered.
	ringSize = 50
	// maxPath, maxMethod and maxID bound what is remembered of a request, in bytes.
	maxPath, maxMethod, maxID = 200, 20, 40
)

// second counts the requests that ended in one second of the clock.
type second struct {
	at    int64
	count uint64
}

// Begin notes that a request began; it must be followed by one End.
func (r *Route) Begin() { r.inflight.Add(1) }

// End notes that a request ended. One that was streamed, such as a WebSocket, has a duration that says nothing about
// latency and is left out there. Of the strings of the request, Target is kept; the others may be borrowed.
func (r *Route) End(now time.Time, request admin.Request, streamed bool) {
	r.inflight.Add(-1)
	second, slot := now.Unix(), noBucket
	if !streamed {
		slot = bucket(request.Millis)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if request.Status >= 500 {
		r.errors++
	}
	if r.recent == nil {
		r.recent = &recent{}
	}
	r.recent.count++
	r.recent.add(second, slot)
	r.recent.ring[r.recent.next].write(&request)
	r.recent.next = (r.recent.next + 1) % ringSize
}

// add counts a request that ended in that second. It is left out of the latencies if it has no bucket.
func (r *recent) add(now int64, bucket int) {
	slot := &r.seconds[now%rateSpan]
	if slot.at != now {
		*slot = second{at: now}
	}
	slot.count++
	if bucket == noBucket {
		return
	}
	w := &r.windows[now/windowSpan%windowCount]
	if w.at != now/windowSpan {
		*w = window{at: now / windowSpan}
	}
	w.counts[bucket]++
}

// Figures returns what the route has seen as of now.
func (r *Route) Figures(now time.Time) admin.Traffic {
	r.mu.Lock()
	defer r.mu.Unlock()
	figures := admin.Traffic{Requests: r.requests, Errors: r.errors, Inflight: r.inflight.Load()}
	if r.recent == nil {
		return figures
	}
	figures.Rate = r.recent.rate(now.Unix())
	figures.P50, figures.P95 = r.recent.quantiles(now.Unix())
	return figures
}

func (r *recent) rate(now int64) float64 {
	var sum uint64
	for _, slot := range r.seconds {
		if now-slot.at < rateSpan {
			sum += slot.count
		}
	}
	return float64(sum) / rateSpan
}

func (r *recent) quantiles(now int64) (p50, p95 float64) {
	var all [bucketCount]uint32
	var total uint32
	for i := range r.windows {
		w := &r.windows[i]
		if now/windowSpan-w.at >= windowCount {
			continue
		}
		for b, n := range w.counts {
			all[b] += n
			total += n
		}
	}
	return quantile(&all, total, 0.5), quantile(&all, total, 0.95)
}

// Last returns the last requests, newest first.
func (r *Route) Last() []admin.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recent == nil {
		return nil
	}
	last := make([]admin.Request, min(r.recent.count, ringSize))
	for i := range last {
		last[i] = r.recent.ring[(r.recent.next-1-i+ringSize)%ringSize].read()
	}
	return last
}

const (
	// Buckets grow by bucketGrowth from bucketStart milliseconds on, so a quantile is off by a tenth at most; the last
	// one holds everything above five minutes.
	bucketStart, bucketGrowth = 0.05, 1.2
	bucketCount               = 88
	// noBucket is that of a request without a latency.
	noBucket = -1
)

// window is a histogram of the latencies of windowSpan seconds.
type window struct {
	at     int64
	counts [bucketCount]uint32
}

var logGrowth = math.Log(bucketGrowth)

func bucket(millis float64) int {
	if !(millis > bucketStart) {
		return 0
	}
	return int(min(1+math.Log(millis/bucketStart)/logGrowth, bucketCount-1))
}

// quantile returns the middle of the bucket in which the quantile lies.
func quantile(counts *[bucketCount]uint32, total uint32, q float64) float64 {
	if total == 0 {
		return 0
	}
	rank := uint32(math.Ceil(q * float64(total)))
	for b, n := range counts {
		if n >= rank {
			return math.Round(1000*bucketStart*math.Pow(bucketGrowth, float64(b)-0.5)) / 1000
		}
		rank -= n
	}
	return 0
}
