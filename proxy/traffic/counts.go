package traffic

import (
	"math"
	"math/bits"
	"time"
)

// Class is a kind of response.
type Class uint8

const (
	// Upgraded is 101: the connection speaks another protocol.
	Upgraded Class = iota
	// Success is 2xx.
	Success
	// Redirected is 3xx.
	Redirected
	// ClientError is 4xx but for 499.
	ClientError
	// ServerError is 5xx and above.
	ServerError
	// Gone is 499, for a client that left before the response, or no response at all.
	Gone
	// Classes is how many there are.
	Classes
)

// String is the class as metrics name it: "1xx" to "5xx", or "gone".
func (c Class) String() string {
	if c < Gone {
		return string('1'+rune(c)) + "xx"
	}
	return "gone"
}

// statusGone is the status of a request whose client left before the response.
const statusGone = 499

func classOf(status uint16) Class {
	switch {
	case status == statusGone || status < 100:
		return Gone
	case status < 200:
		return Upgraded
	case status < 300:
		return Success
	case status < 400:
		return Redirected
	case status < 500:
		return ClientError
	}
	return ServerError
}

// Refusal is the filter that refused a request, 0 for none.
type Refusal uint8

const (
	// ByClientRate is the gateway's rate of each client on all routes.
	ByClientRate Refusal = iota + 1
	// ByRate is the rate of each client on the route.
	ByRate
	// ByBodyMax is the most bytes of a body.
	ByBodyMax
	// ByTLSClient is that the client has no certificate of the kind that the host needs.
	ByTLSClient
	// refusals is how many there are, with 0.
	refusals
)

// refusedBy are the names of refusals.
var refusedBy = [refusals]string{ByClientRate: "client-rate", ByRate: "rate", ByBodyMax: "body.max", ByTLSClient: "tls.client"}

// String is the filter as metrics name it: by its label without "gateway.", or by the flag that sets it.
func (r Refusal) String() string { return refusedBy[r] }

// bounds are the upper ends of the buckets of a Latency; the last bucket has none.
var bounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute,
}

// Bounds returns the upper ends of the buckets of a Latency, inclusive.
func Bounds() []time.Duration { return append([]time.Duration(nil), bounds[:]...) }

// Latency is a histogram of how long requests took, without streamed ones.
type Latency struct {
	// Buckets count the requests up to each of Bounds and above the one before; the last has no upper end.
	Buckets [len(bounds) + 1]uint64
	// Sum is how long they took together.
	Sum time.Duration
}

func (l *Latency) add(took time.Duration) {
	b := 0
	for b < len(bounds) && took > bounds[b] {
		b++
	}
	l.Buckets[b]++
	l.Sum += took
}

// Counts are totals of requests that ended, but for Inflight. All were taken at one moment.
type Counts struct {
	Requests [Classes]uint64
	// Refused counts those of them that a filter refused, by the filter; none is at 0.
	Refused [refusals]uint64
	// Received and Sent are the bytes of bodies.
	Received, Sent uint64
	Retries        uint64
	// Ejections is how often a target was ejected for its failures.
	Ejections uint64
	Latency   Latency
	// Inflight is the number of requests under way.
	Inflight int64
}

// Total is the number of requests that ended.
func (c *Counts) Total() uint64 {
	var sum uint64
	for _, n := range c.Requests {
		sum += n
	}
	return sum
}

// sums are the sums of what was in the ring. Ejections and Inflight are counted elsewhere.
type sums struct {
	Counts
	seconds seconds
	windows [windowCount]window
}

func (s *sums) add(e *entry) {
	s.Requests[classOf(e.status)]++
	if e.refused != 0 {
		s.Refused[e.refused]++
	}
	s.Received += uint64(max(e.received, 0))
	s.Sent += uint64(max(e.sent, 0))
	s.Retries += uint64(e.retries)
	ended := (e.began + e.took) / int64(time.Second)
	s.seconds.add(ended)
	if e.streamed {
		return
	}
	s.Latency.add(time.Duration(e.took))
	s.windows[index(ended/windowSpan, windowCount)].add(ended/windowSpan, bucket(e.took))
}

// merge adds the counts of a forgotten route, without its last minute.
func (s *sums) merge(c *Counts) {
	for i, n := range c.Requests {
		s.Requests[i] += n
	}
	for i, n := range c.Refused {
		s.Refused[i] += n
	}
	for i, n := range c.Latency.Buckets {
		s.Latency.Buckets[i] += n
	}
	s.Latency.Sum += c.Latency.Sum
	s.Received += c.Received
	s.Sent += c.Sent
	s.Retries += c.Retries
}

// index is a number below of, also for a negative time.
func index(n int64, of uint64) uint64 { return uint64(n) % of }

const (
	// rateSpan is how many seconds the rate covers.
	rateSpan = 10
	// windowSpan times windowCount is how many seconds the quantiles cover.
	windowSpan, windowCount = 10, 6
	// setBack is how many seconds a time must lie before the latest one to mean that the clock was put back: what was
	// counted later is dropped.
	setBack = 120
)

// seconds counts the requests that ended in the last seconds of the clock.
type seconds [rateSpan]struct {
	at    int64
	count uint64
}

func (s *seconds) add(now int64) {
	slot := &s[index(now, rateSpan)]
	if now > slot.at || slot.at-now > setBack {
		slot.at, slot.count = now, 0
	}
	if now == slot.at {
		slot.count++
	}
}

func (s *seconds) rate(now int64) float64 {
	var sum uint64
	for _, slot := range s {
		if age := now - slot.at; age >= 0 && age < rateSpan {
			sum += slot.count
		}
	}
	return float64(sum) / rateSpan
}

const (
	// The first bucket of a window ends at 1<<bucketBits nanoseconds, 33 microseconds. Every four further ones double that, so
	// that a quantile is off by a tenth at most. The last one has all from 275 s on.
	bucketBits  = 15
	octaves     = 23
	bucketCount = 4*octaves + 2
)

// window is a finer histogram, of the latencies of windowSpan seconds.
type window struct {
	at     int64
	counts [bucketCount]uint32
}

func (w *window) add(now int64, bucket int) {
	if now > w.at || w.at-now > setBack/windowSpan {
		*w = window{at: now}
	}
	if now == w.at {
		w.counts[bucket]++
	}
}

// bucket is that of a latency in nanoseconds.
func bucket(took int64) int {
	n := uint64(max(took, 0))
	octave := bits.Len64(n) - 1 - bucketBits
	if octave < 0 {
		return 0
	}
	if octave >= octaves {
		return bucketCount - 1
	}
	// The rest has its highest bit at bucketBits. It is compared with the powers of 2 in between.
	b := 1 + 4*octave
	switch rest := n >> octave; {
	case rest >= 55109: // 1<<15.75
		return b + 3
	case rest >= 46341: // 1<<15.5
		return b + 2
	case rest >= 38968: // 1<<15.25
		return b + 1
	}
	return b
}

func (s *sums) quantiles(now int64) (p50, p95 float64) {
	var all [bucketCount]uint32
	var total uint32
	for i := range s.windows {
		w := &s.windows[i]
		if age := now/windowSpan - w.at; age < 0 || age >= windowCount {
			continue
		}
		for b, n := range w.counts {
			all[b] += n
			total += n
		}
	}
	return quantile(&all, total, 0.5), quantile(&all, total, 0.95)
}

// quantile returns the middle of the bucket in which the quantile lies.
func quantile(counts *[bucketCount]uint32, total uint32, q float64) float64 {
	if total == 0 {
		return 0
	}
	rank := uint32(math.Ceil(q * float64(total)))
	for b, n := range counts {
		if n >= rank {
			// In thousandths of a millisecond; an eighth of an octave below its end.
			return math.Round(math.Exp2(bucketBits+float64(b)/4-1.0/8)/1000) / 1000
		}
		rank -= n
	}
	return 0
}
