package limit

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"sync"
	"time"
)

const (
	// usualClients is how many clients a Memory remembers by default.
	usualClients = 65536
	// ways is how many clients of a Memory share a place. When it is full, the one with the fewest requests is forgotten.
	ways = 8
	// mostShards is how many parts with a lock of their own a Memory has at most.
	mostShards = 64
	// longest keeps the sums of durations from overflowing: 36 years.
	longest = time.Duration(1) << 60
)

// Memory is what the rates that share it remember of clients, 16 bytes each. It grows with them up to a bound, so that
// few clients need little memory. Its methods are safe for concurrent use.
type Memory struct {
	seed maphash.Seed
	// start is so early that a debt of zero is over.
	start time.Time
	// places is how many each shard has at most: a power of two, as the number of shards.
	places int
	shards []shard
}

// shard is a part of a Memory. The padding gives each a cache line of its own.
type shard struct {
	mu sync.Mutex
	// places are a power of two, or none yet.
	places []place
	// latest is the latest time of a request, counted from the Memory's start.
	latest time.Duration
	_      [24]byte
}

// place is a bucket of clients whose keys collide.
type place [ways]debt

// debt is what a client has used of its rate: at full, counted from the Memory's start, it has its whole burst again. A debt
// whose time is over equals none.
type debt struct {
	key  uint64
	full time.Duration
}

// NewMemory returns one for that many clients, rounded up to a power of two; 0 is 65,536. A client of two rates counts
// twice. When more than about half of them are in debt at once, some are forgotten.
func NewMemory(clients int) *Memory {
	if clients <= 0 {
		clients = usualClients
	}
	places := powerOfTwo((clients + ways - 1) / ways)
	shards := min(places, mostShards)
	return &Memory{seed: maphash.MakeSeed(), start: time.Now().Add(-longest), places: places / shards, shards: make([]shard, shards)}
}

// powerOfTwo is the least power of two from n up; n is positive.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(n-1)) }

// Rate limits the requests of each client by the generic cell rate algorithm: a burst at once, and the rate over time. A nil
// Rate has no limit. It is immutable and safe for concurrent use.
type Rate struct {
	memory *Memory
	salt   uint64
	// step is the time per request, and slack how far a client may be ahead of it.
	step, slack time.Duration
}

// Rate allows each client that many requests per duration, and a burst at once; a burst of 0 is as large as requests. Rates
// of the same name share what is remembered, so that replacing a rate resets no client. It is nil unless requests and per
// are positive.
func (m *Memory) Rate(name string, requests int, per time.Duration, burst int) *Rate {
	if requests <= 0 || per <= 0 {
		return nil
	}
	if burst <= 0 {
		burst = requests
	}
	step := min(max(per/time.Duration(requests), 1), longest)
	slack := longest
	if time.Duration(burst) <= longest/step {
		slack = step * time.Duration(burst-1)
	}
	return &Rate{memory: m, salt: maphash.String(m.seed, name), step: step, slack: slack}
}

// Client is a client as a Memory knows it.
type Client struct{ hash uint64 }

// Client is the client at an address, or the one of that name if the address is not valid. It does not allocate.
func (m *Memory) Client(addr netip.Addr, name string) Client {
	key := Key{text: name}
	if addr.IsValid() {
		key = keyAt(addr)
	}
	return Client{key.hash(m.seed)}
}

// Allow counts a request of a client of the rate's Memory, and reports whether it is allowed. If not, it does not count,
// and the next is allowed after retryAfter, which is positive. Requests may be reported out of order: they count as of the
// latest time. It allocates only when the memory grows.
func (r *Rate) Allow(client Client, now time.Time) (ok bool, retryAfter time.Duration) {
	if r == nil {
		return true, 0
	}
	m := r.memory
	key := client.hash ^ r.salt
	s := &m.shards[key&uint64(len(m.shards)-1)]
	s.mu.Lock()
	defer s.mu.Unlock()
	// As of an earlier time, a debt would exceed a burst, and a part of it would be dropped below.
	at := max(now.Sub(m.start), s.latest)
	s.latest = at
	d := s.find(key, at, m.places)
	// A debt of more than a burst comes from a rate that this one replaced.
	d.full = min(max(d.full, at), at+r.slack+r.step)
	if ahead := d.full - at; ahead > r.slack {
		return false, ahead - r.slack
	}
	d.full += r.step
	return true, 0
}

// find returns the debt of a client. A new client takes the place of the one with the least debt, and only of one without
// debt as long as the shard may grow.
func (s *shard) find(key uint64, now time.Duration, most int) *debt {
	for {
		if len(s.places) > 0 {
			d := s.placeOf(key).find(key)
			if d.key == key {
				return d
			}
			if d.full <= now || len(s.places) >= most {
				*d = debt{key: key}
				return d
			}
		}
		s.grow()
	}
}

func (s *shard) placeOf(key uint64) *place { return &s.places[key>>32&uint64(len(s.places)-1)] }

// grow doubles the places. The clients of one place are spread over two, and fit there.
func (s *shard) grow() {
	before := s.places
	s.places = make([]place, max(2*len(before), 1))
	for i := range before {
		for _, d := range before[i] {
			if d != (debt{}) {
				*s.placeOf(d.key).find(0) = d
			}
		}
	}
}

// find returns the debt of a client, or else the least debt.
func (p *place) find(key uint64) *debt {
	least := &p[0]
	for i := range p {
		if p[i].key == key {
			return &p[i]
		}
		if p[i].full < least.full {
			least = &p[i]
		}
	}
	return least
}
