package traffic

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"gateway/proxy/admin"
)

// Request is one that ended. All strings may be borrowed.
type Request struct {
	// ID is the number whose hexadecimal digits clients and apps know as the request's ID.
	ID     [16]byte
	Method string
	// Path is the escaped path without its query.
	Path string
	// Target is the name of the target that answered, empty when the gateway itself did.
	Target string
	// Status is 499 when the client left before a response, and 0 when there was none for another reason.
	Status int
	Began  time.Time
	Took   time.Duration
	// Received and Sent are the bytes of both bodies.
	Received, Sent int64
	// Retries is how often it was sent again, to another target.
	Retries int
	// Refused is the filter that refused it.
	Refused Refusal
	// Streamed reports that Took says nothing about latency, such as that of a WebSocket. It is left out there.
	Streamed bool
}

// Route counts the requests of one route. The zero value is ready; it is safe for concurrent use, and must not be copied.
//
// A request touches the first cache line of it and one or two in the ring. Entries of the ring are summed up later, when
// the sums are read or before they are overwritten.
type Route struct {
	inflight atomic.Int64
	mu       sync.Mutex
	// merged is the route that counts in place of this one, nil as long as it counts itself.
	merged *Route
	// count is the number of requests that ended.
	count uint64
	// ring has the last requests. It grows with them; the next is written at next, and pending of them are not in sums.
	ring          []entry
	next, pending int32

	// sums is nil as long as nothing was summed up, texts as long as each text fits into its entry.
	sums      *sums
	texts     *[ringSize][]byte
	ejections uint64
	_         [40]byte
}

const (
	// ringSize is how many requests are remembered.
	ringSize = 50
	// firstRing is how many there is room for at first.
	firstRing = 4
	// closed is added to the requests under way of a route that was merged; there are never as many.
	closed = math.MinInt64 / 2
)

// Begin notes that a request began; it must be followed by one End.
func (r *Route) Begin() {
	if r.inflight.Add(1) < closed/2 {
		// merged was set before the count was closed.
		r.merged.Begin()
	}
}

// End notes that a request ended. It keeps no reference to q.
func (r *Route) End(q *Request) {
	r.mu.Lock()
	if other := r.merged; other != nil {
		r.mu.Unlock()
		other.End(q)
		return
	}
	r.inflight.Add(-1)
	r.count++
	if r.pending == ringSize {
		r.fold()
	}
	if len(r.ring) < ringSize {
		r.grow()
	}
	if e := &r.ring[r.next]; !e.write(q) {
		r.writeText(e, q)
	}
	r.pending++
	r.next = (r.next + 1) % ringSize
	r.mu.Unlock()
}

// grow adds an entry to the ring.
func (r *Route) grow() {
	if len(r.ring) == cap(r.ring) {
		larger := make([]entry, len(r.ring), min(max(2*cap(r.ring), firstRing), ringSize))
		copy(larger, r.ring)
		r.ring = larger
	}
	r.ring = r.ring[:len(r.ring)+1]
}

// writeText remembers the text of the next request outside of its entry, which is too small for it.
func (r *Route) writeText(e *entry, q *Request) {
	if r.texts == nil {
		r.texts = new([ringSize][]byte)
	}
	r.texts[r.next] = e.appendText(r.texts[r.next][:0], q)
}

// fold adds what is pending to the sums. The caller holds mu.
func (r *Route) fold() {
	if r.pending == 0 {
		return
	}
	if r.sums == nil {
		r.sums = new(sums)
	}
	for ; r.pending > 0; r.pending-- {
		r.sums.add(&r.ring[(r.next-r.pending+ringSize)%ringSize])
	}
}

// Ejected counts an ejection of a target.
func (r *Route) Ejected() {
	r.mu.Lock()
	if other := r.merged; other != nil {
		r.mu.Unlock()
		other.Ejected()
		return
	}
	r.ejections++
	r.mu.Unlock()
}

// mergeInto moves all counts to another route, with the requests under way, and makes it count what comes later. The other
// one is never merged itself.
func (r *Route) mergeInto(other *Route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	other.mu.Lock()
	defer other.mu.Unlock()
	r.fold()
	if r.sums != nil {
		if other.sums == nil {
			other.sums = new(sums)
		}
		other.sums.merge(&r.sums.Counts)
	}
	other.count += r.count
	other.ejections += r.ejections
	r.merged = other
	other.inflight.Add(r.inflight.Swap(closed))
	r.count, r.ejections, r.ring, r.sums, r.texts, r.next = 0, 0, nil, nil, nil, 0
}

// used reports that something was counted or is under way.
func (r *Route) used() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count > 0 || r.ejections > 0 || r.inflight.Load() != 0
}

// ended is the number of requests that ended.
func (r *Route) ended() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// Counts returns what the route has counted, nothing after it was merged.
func (r *Route) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fold()
	var c Counts
	if r.sums != nil {
		c = r.sums.Counts
	}
	c.Ejections = r.ejections
	c.Inflight = max(r.inflight.Load(), 0)
	return c
}

// Figures returns the totals and the latest rate and latencies, for status.
func (r *Route) Figures(now time.Time) admin.Traffic {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fold()
	figures := admin.Traffic{Requests: r.count, Inflight: max(r.inflight.Load(), 0)}
	if r.sums == nil {
		return figures
	}
	figures.Errors = r.sums.Requests[ServerError]
	figures.Rate = r.sums.seconds.rate(now.Unix())
	figures.P50, figures.P95 = r.sums.quantiles(now.Unix())
	return figures
}

// Last returns the last requests, newest first.
func (r *Route) Last() []admin.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := make([]admin.Request, len(r.ring))
	for i := range last {
		at := (int(r.next) - 1 - i + ringSize) % ringSize
		e := &r.ring[at]
		text := e.text[:]
		if e.away {
			text = r.texts[at]
		}
		last[i] = e.read(string(text[:e.length]))
	}
	return last
}
