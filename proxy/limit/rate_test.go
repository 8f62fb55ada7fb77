package limit

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// ask makes a request of a client by its address or name.
func ask(r *Rate, client string, now time.Time) (ok bool, retryAfter time.Duration) {
	if r == nil {
		return r.Allow(Client{}, now)
	}
	addr, err := netip.ParseAddr(client)
	if err != nil {
		return r.Allow(r.memory.Client(addr, client), now)
	}
	return r.Allow(r.memory.Client(addr, ""), now)
}

func allowed(r *Rate, client string, now time.Time, tries int) (n int) {
	for range tries {
		if ok, _ := ask(r, client, now); ok {
			n++
		}
	}
	return n
}

func TestRate_AllowsABurstAndThenTheRate(t *testing.T) {
	r := NewMemory(0).Rate("", 10, time.Second, 5)
	if n := allowed(r, "192.0.2.1", noon, 100); n != 5 {
		t.Fatalf("%d at once, want 5", n)
	}
	ok, after := ask(r, "192.0.2.1", noon)
	if ok || after != 100*time.Millisecond {
		t.Fatalf("the sixth: %v, after %v", ok, after)
	}
	if ok, after := ask(r, "192.0.2.1", noon.Add(99*time.Millisecond)); ok || after != time.Millisecond {
		t.Fatalf("a little too early: %v, after %v", ok, after)
	}
	if n := allowed(r, "192.0.2.1", noon.Add(100*time.Millisecond), 10); n != 1 {
		t.Fatalf("%d after a tenth of a second, want 1", n)
	}
	if n := allowed(r, "192.0.2.1", noon.Add(300*time.Millisecond), 10); n != 2 {
		t.Fatalf("%d after two more, want 2", n)
	}
	if n := allowed(r, "192.0.2.1", noon.Add(time.Hour), 100); n != 5 {
		t.Fatalf("%d after an hour, want 5", n)
	}
}

func TestRate_CountsNoRefusedRequests(t *testing.T) {
	r := NewMemory(0).Rate("", 1, time.Second, 1)
	total := 0
	for ms := range 10_000 {
		total += allowed(r, "192.0.2.1", noon.Add(time.Duration(ms)*time.Millisecond), 3)
	}
	if total != 10 {
		t.Errorf("%d requests in 10 s of 3,000 tries each second, want 10", total)
	}
}

func TestRate_IsNotResetByALateRequest(t *testing.T) {
	r := NewMemory(0).Rate("", 10, time.Second, 10)
	if n := allowed(r, "192.0.2.1", noon, 100); n != 10 {
		t.Fatalf("%d at once, want 10", n)
	}
	for range 10 {
		if ok, after := ask(r, "192.0.2.1", noon.Add(-5*time.Second)); ok || after != 100*time.Millisecond {
			t.Errorf("a request that waited: %v, after %v", ok, after)
		}
		if n := allowed(r, "192.0.2.1", noon, 10); n != 0 {
			t.Errorf("it allowed %d more requests", n)
		}
	}
}

func TestRate_CountsEachClientApart(t *testing.T) {
	m := NewMemory(0)
	r := m.Rate("", 5, time.Second, 0)
	for _, client := range []string{"192.0.2.1", "192.0.2.2", "2001:db8:0:1::1", "2001:db8:0:2::1", "@", ""} {
		if n := allowed(r, client, noon, 10); n != 5 {
			t.Errorf("%q makes %d requests, want 5", client, n)
		}
	}
	if n := allowed(r, "2001:db8:0:1:9::", noon, 10) + allowed(r, "::ffff:192.0.2.1", noon, 10); n != 0 {
		t.Errorf("the same clients by other addresses make %d more", n)
	}
	if n := allowed(m.Rate("/robots", 3, time.Second, 3), "192.0.2.1", noon, 10); n != 3 {
		t.Errorf("a rate of another name allows %d, want 3", n)
	}
}

func TestRate_KeepsItsDebtsWhenItIsReplaced(t *testing.T) {
	m := NewMemory(0)
	allowed(m.Rate("/", 5, time.Second, 5), "192.0.2.1", noon, 10)
	if n := allowed(m.Rate("/", 5, time.Second, 5), "192.0.2.1", noon, 10); n != 0 {
		t.Errorf("the same rate again allows %d", n)
	}
	// Of one that was far slower, no more than a burst of the new one is owed.
	allowed(m.Rate("/slow", 1, time.Hour, 1000), "192.0.2.1", noon, 1000)
	fast := m.Rate("/slow", 10, time.Second, 2)
	if n := allowed(fast, "192.0.2.1", noon, 10); n != 0 {
		t.Errorf("a faster one allows %d at once", n)
	}
	if n := allowed(fast, "192.0.2.1", noon.Add(100*time.Millisecond), 10); n != 1 {
		t.Errorf("a faster one allows %d after a tenth of a second, want 1", n)
	}
}

func TestRate_WithoutBound(t *testing.T) {
	m := NewMemory(0)
	for _, r := range []*Rate{nil, m.Rate("", 0, time.Second, 5), m.Rate("", 5, 0, 5), m.Rate("", -1, -1, -1)} {
		if r != nil || allowed(r, "192.0.2.1", noon, 1000) != 1000 {
			t.Errorf("%+v is a bound", r)
		}
	}
}

func TestRate_TakesNumbersOfAnySize(t *testing.T) {
	m := NewMemory(0)
	for i, c := range []struct {
		requests int
		per      time.Duration
		burst    int
		want     int
	}{
		{math.MaxInt, time.Nanosecond, math.MaxInt, 1000},
		{1, math.MaxInt64, math.MaxInt, 2},
		{1, math.MaxInt64, 1, 1},
		{math.MaxInt, math.MaxInt64, math.MaxInt, 1000},
	} {
		r := m.Rate(fmt.Sprint(i), c.requests, c.per, c.burst)
		if n := allowed(r, "192.0.2.1", noon, 1000); n != c.want {
			t.Errorf("%+v allows %d of 1000", c, n)
		}
	}
}

// address is the n-th of many clients.
func address(n int) string { return fmt.Sprintf("%d.%d.%d.%d", 1+n>>24, n>>16&255, n>>8&255, n&255) }

func TestRate_IsNotResetByAFloodOfAddresses(t *testing.T) {
	for _, clients := range []int{1, 8, 1024} {
		r := NewMemory(clients).Rate("", 10, time.Second, 5)
		allowed(r, "192.0.2.1", noon, 10)
		for i := range 20_000 {
			if ok, _ := ask(r, address(i), noon); !ok {
				t.Fatalf("the first request of %s is refused", address(i))
			}
		}
		if n := allowed(r, "192.0.2.1", noon, 10); n != 0 {
			t.Errorf("with room for %d clients, %d requests more after the flood", clients, n)
		}
	}
}

func TestRate_NeedsNoMemoryForAFlood(t *testing.T) {
	m := NewMemory(4096)
	r := m.Rate("", 10, time.Second, 5)
	names := make([]string, 50_000)
	for i := range names {
		names[i] = address(i)
	}
	pass := func() {
		for _, name := range names {
			ask(r, name, noon)
		}
	}
	pass()
	if n := testing.AllocsPerRun(1, pass); n > 0 {
		t.Errorf("%d clients cost %v allocations", len(names), n)
	}
	places := 0
	for i := range m.shards {
		places += len(m.shards[i].places)
	}
	if places*ways != 4096 {
		t.Errorf("there is room for %d clients, want 4096", places*ways)
	}
}

// Few clients need little memory.
func TestRate_GrowsWithItsClients(t *testing.T) {
	m := NewMemory(0)
	r := m.Rate("", 1, time.Hour, 1)
	for n := 100; n <= usualClients/2; n *= 2 {
		for i := range n {
			ask(r, address(i), noon)
		}
		freed := 0
		for i := range n {
			if ok, _ := ask(r, address(i), noon); ok {
				freed++
			}
		}
		if freed > 0 && n <= usualClients/16 {
			t.Errorf("of %d clients, %d were forgotten", n, freed)
		}
		room := 0
		for i := range m.shards {
			room += len(m.shards[i].places) * ways
		}
		if most := max(8*n, mostShards*ways); room > most {
			t.Errorf("%d clients take the room of %d, want at most %d", n, room, most)
		}
	}
}

func TestRate_ReusesPlacesOfClientsWithoutDebt(t *testing.T) {
	m := NewMemory(0)
	r := m.Rate("", 1, time.Second, 1)
	for i := range usualClients {
		ask(r, address(i), noon.Add(time.Duration(i)*time.Second))
	}
	for i := range m.shards {
		if n := len(m.shards[i].places); n > 1 {
			t.Fatalf("clients that came one after the other took %d places of a shard", n)
		}
	}
}

// With half of the clients that there is room for, hardly any is forgotten.
func TestRate_RemembersAsManyAsItHasRoomFor(t *testing.T) {
	r := NewMemory(0).Rate("", 1, time.Second, 1)
	freed := 0
	for range 2 {
		for i := range usualClients / 2 {
			if ok, _ := ask(r, address(i), noon); ok {
				freed++
			}
		}
	}
	if freed -= usualClients / 2; freed > usualClients/20 {
		t.Errorf("%d of %d clients were forgotten", freed, usualClients/2)
	}
}

func TestRate_CountsExactlyUnderContention(t *testing.T) {
	r := NewMemory(0).Rate("", 100, time.Second, 1000)
	var n atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				n.Add(int64(allowed(r, "192.0.2.1", noon, 1)))
				allowed(r, address(i), noon, 1)
			}
		})
	}
	all.Wait()
	if n.Load() != 1000 {
		t.Errorf("%d requests at once, want 1000", n.Load())
	}
}

// The reference is a token bucket, in units of a token's time.
func FuzzRate(f *testing.F) {
	f.Add(uint16(10), uint16(1000), uint8(5), []byte{0, 0, 0, 0, 0, 0, 50, 60, 255, 1, 2, 3})
	f.Add(uint16(1), uint16(7), uint8(1), []byte{0, 1, 6, 7, 8})
	f.Fuzz(func(t *testing.T, requests, per uint16, burst uint8, waits []byte) {
		r := NewMemory(8).Rate("", int(requests), time.Duration(per)*time.Millisecond, int(burst))
		if r == nil {
			return
		}
		size := int64(burst)
		if burst == 0 {
			size = int64(requests)
		}
		step := int64(r.step)
		tokens, now := size*step, noon
		for i, wait := range waits {
			pause := time.Duration(wait) * time.Millisecond
			now = now.Add(pause)
			tokens = min(tokens+int64(pause), size*step)
			ok, after := ask(r, "192.0.2.1", now)
			if ok != (tokens >= step) {
				t.Fatalf("%d in %d ms, burst %d: request %d at %v: %v", requests, per, burst, i, now.Sub(noon), ok)
			}
			if !ok && int64(after) != step-tokens || ok && after != 0 {
				t.Fatalf("request %d: after %v, want %v", i, after, time.Duration(step-tokens))
			}
			if ok {
				tokens -= step
			}
		}
	})
}

func BenchmarkAllow(b *testing.B) {
	for _, client := range []string{"192.0.2.1", "2001:db8:1:2:3:4:5:6"} {
		b.Run(client, func(b *testing.B) {
			m, addr := NewMemory(0), netip.MustParseAddr(client)
			r := m.Rate("", 1_000_000_000, time.Second, 1_000_000)
			b.ReportAllocs()
			for b.Loop() {
				r.Allow(m.Client(addr, client), noon)
			}
		})
	}
}
