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
	// ways is how many clients of a Memory share a place; it forgets the one of them who asked least.
	ways = 8
	// mostShards is how many parts of a Memory are locked by themselves.
	mostShards = 64
	// longest keeps the sums of durations from overflowing: 36 years.
	longest = time.Duration(1) << 60
)

// Memory is what the rates that share it remember of clients, 16 bytes each. It grows with them up to a bound, so that
// what a few clients need lies close together. Its methods are safe for concurrent use.
type Memory struct {
	seed maphash.Seed
	// start is so long ago that a debt of zero is over.
	start time.Time
	// places is how many each shard has at most. That is a power of two, and so is the number of shards.
	places int
	shards []shard
}

// shard is a part of a Memory. The padding has each in a cache line of its own.
type shard struct {
	mu sync.Mutex
	// places are a power of two, or none yet.
	places []place
	// latest is the last time that was given, counted from the Memory's start.
	latest time.Duration
	_      [24]byte
}

// place has the clients whose keys meet there.
type place [ways]debt

// debt is what a client has used up: it has all its requests again at full, counted from the Memory's start. One whose
// time is over is as good as none.
type debt struct {
	key  uint64
	full time.Duration
}

// NewMemory prepares one for that many clients, rounded up to a power of two; 0 is 65,536. A client of two rates counts
// twice. When more than about half of them are in debt at once, the first are forgotten.
func NewMemory(clients int) *Memory {
	if clients <= 0 {
		clients = usualClients
	}
	places := powerOfTwo((clients + ways - 1) / ways)
	shards := min(places, mostShards)
	return &Memory{seed: maphash.MakeSeed(), start: time.Now().Add(-longest), places: places / shards, shards: make([]shard, shards)}
}

// powerOfTwo is the least that is not below n, which is positive.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(n-1)) }

// Rate bounds the requests of each client by the generic cell rate algorithm: any number may come at once up to the
// burst, and over time so many as the rate has. A nil one has no bound. It never changes and is safe for concurrent use.
type Rate struct {
	memory *Memory
	salt   uint64
	// step is the time in which a client may make one request, and slack how far ahead of that it may be.
	step, slack time.Duration
}

// Rate is one that allows each client so many requests in each per, and burst at once; a burst of 0 is as many as
// requests. Rates of the same name are one as to what is remembered, so that a rate can be replaced by another without
// freeing anybody. With requests or per not positive it is nil.
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

// Client is who asks, as a Memory knows them.
type Client struct{ hash uint64 }

// Client is the client at an address without port, or one that is called something else where the address is not valid.
// It does not allocate.
func (m *Memory) Client(addr netip.Addr, name string) Client {
	key := Key{text: name}
	if addr.IsValid() {
		key = keyAt(addr)
	}
	return Client{key.hash(m.seed)}
}

// Allow counts a request of a client of the rate's Memory, and reports whether it may be made. If not, it does not
// count, and the next may be made after retryAfter, which is positive. Requests may come later than those that began
// after them: they count as of now. It does not allocate, but for a part of the memory that is used for the first time.
func (r *Rate) Allow(client Client, now time.Time) (ok bool, retryAfter time.Duration) {
	if r == nil {
		return true, 0
	}
	m := r.memory
	key := client.hash ^ r.salt
	s := &m.shards[key&uint64(len(m.shards)-1)]
	s.mu.Lock()
	defer s.mu.Unlock()
	// Seen from an earlier time, a debt of now would be more than a burst, and a part of it would be forgiven below.
	at := max(now.Sub(m.start), s.latest)
	s.latest = at
	d := s.find(key, at, m.places)
	// More than a whole burst is nobody's debt: it is from a rate that this one replaced.
	d.full = min(max(d.full, at), at+r.slack+r.step)
	if ahead := d.full - at; ahead > r.slack {
		return false, ahead - r.slack
	}
	d.full += r.step
	return true, 0
}

// find returns what is remembered of a client. One that is new takes the room of whom owes least, and of nobody who owes
// anything as long as the shard may grow.
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

// grow makes twice as many places. Those who met in one are spread over two, and find room there.
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

// find returns the debt of a client, or else that of whom owes least.
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
