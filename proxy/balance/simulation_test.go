package balance

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// epochStart is when the clocks of the tests begin.
var epochStart = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// latency says how long a target takes for one request.
type latency func(target int, r *rand.Rand) time.Duration

// event is the end of one attempt.
type event struct {
	at      time.Time
	attempt Attempt
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// simulation is a group whose targets respond in simulated time.
type simulation struct {
	group  *Group
	random *rand.Rand
	takes  latency
	now    time.Time
	under  events
	counts []int
}

func newSimulation(s Strategy, targets int, takes latency) *simulation {
	random := rand.New(rand.NewPCG(1, 2))
	group := New(Options{Strategy: s}, newTargets(targets))
	group.random = random.Uint64
	return &simulation{group: group, random: random, takes: takes, now: epochStart, counts: make([]int, targets)}
}

func (s *simulation) begin(t *testing.T) {
	a, found := s.group.Pick(nil, s.now, true)
	if !found {
		t.Fatal("nothing was picked")
	}
	s.counts[a.Index]++
	heap.Push(&s.under, event{s.now.Add(s.takes(a.Index, s.random)), a})
}

func (s *simulation) end() {
	e := heap.Pop(&s.under).(event)
	s.now = e.at
	e.attempt.Succeeded(s.now)
	e.attempt.End()
}

// closed makes each of a number of clients send a request as soon as it has the response to the one before.
func (s *simulation) closed(t *testing.T, requests, clients int) {
	t.Helper()
	for i := range requests {
		if i >= clients {
			s.end()
		}
		s.begin(t)
	}
}

// open makes requests come at random, a number of them each millisecond, whatever is under way.
func (s *simulation) open(t *testing.T, requests int, each float64) {
	t.Helper()
	next := s.now
	for range requests {
		next = next.Add(time.Duration(s.random.ExpFloat64() / each * float64(time.Millisecond)))
		for len(s.under) > 0 && s.under[0].at.Before(next) {
			s.end()
		}
		s.now = next
		s.begin(t)
	}
}

// share is the part of the requests that a target got, where 1 is its even share.
func (s *simulation) share(target int) float64 {
	all := 0
	for _, n := range s.counts {
		all += n
	}
	return float64(s.counts[target]) * float64(len(s.counts)) / float64(all)
}

func newTargets(n int) []*Target {
	all := make([]*Target, n)
	for i := range all {
		all[i] = &Target{ID: fmt.Sprintf("id-%d", i)}
	}
	return all
}

// The latencies of equal targets: nearly constant; random; with a few long ones, as from pauses of a garbage collector;
// of two kinds of pages.
var equal = map[string]latency{
	"steady": func(_ int, r *rand.Rand) time.Duration {
		return time.Duration((0.9 + 0.2*r.Float64()) * float64(time.Millisecond))
	},
	"exponential": func(_ int, r *rand.Rand) time.Duration {
		return time.Duration(r.ExpFloat64() * float64(time.Millisecond))
	},
	"with pauses": func(_ int, r *rand.Rand) time.Duration {
		if r.IntN(1000) == 0 {
			return 100 * time.Millisecond
		}
		return time.Duration((0.5 + r.Float64()) * float64(time.Millisecond))
	},
	"two kinds": func(_ int, r *rand.Rand) time.Duration {
		if r.IntN(4) == 0 {
			return 50 * time.Millisecond
		}
		return time.Millisecond
	},
}

func TestPick_SpreadsEvenlyOverEqualTargets(t *testing.T) {
	check := func(strategy Strategy, name string) {
		for _, clients := range []int{1, 8, 64} {
			s := newSimulation(strategy, 3, equal[name])
			s.closed(t, 100_000, clients)
			for i := range s.counts {
				if share := s.share(i); share < 0.98 || share > 1.02 {
					t.Errorf("%s, %s, %d clients: target %d has %.3f of its share", strategy, name, clients, i, share)
				}
			}
		}
	}
	for name := range equal {
		check(P2C, name)
	}
	check(RoundRobin, "exponential")
}

// tenfold makes target 1 take ten times as long as the others.
func tenfold(takes latency) latency {
	return func(target int, r *rand.Rand) time.Duration {
		if target == 1 {
			return 10 * takes(target, r)
		}
		return takes(target, r)
	}
}

func TestPick_SparesASlowTarget(t *testing.T) {
	for name, takes := range equal {
		check := func(s *simulation, load string) {
			if share := s.share(1); share >= 0.2 || share < 0.02 {
				t.Errorf("%s, %s: it has %.3f of its even share", name, load, share)
			}
		}
		for _, clients := range []int{1, 2, 4, 8, 16, 64} {
			s := newSimulation(P2C, 3, tenfold(takes))
			s.closed(t, 20_000, clients)
			check(s, fmt.Sprint(clients, " clients"))
		}
		for _, each := range []float64{0.01, 0.1, 1, 4, 16} {
			s := newSimulation(P2C, 3, tenfold(takes))
			s.open(t, 20_000, each)
			check(s, fmt.Sprint(each, " requests each ms"))
		}
	}
}

func TestPick_TakesASlowTargetBackThatBecameFast(t *testing.T) {
	for _, clients := range []int{1, 8} {
		s := newSimulation(P2C, 3, tenfold(equal["steady"]))
		s.closed(t, 10_000, clients)
		s.takes = equal["steady"]
		for range 2_000 {
			s.end()
			s.begin(t)
		}
		clear(s.counts)
		for range 30_000 {
			s.end()
			s.begin(t)
		}
		if share := s.share(1); share < 0.95 {
			t.Errorf("%d clients: it has %.3f of its even share", clients, share)
		}
	}
}

func TestPick_GivesTheTurnsOfAnEjectedTargetToNoneTwice(t *testing.T) {
	s := newSimulation(RoundRobin, 4, equal["steady"])
	fail(t, s.group, 1, Refused, s.now)
	for range 3_000 {
		a, _ := s.group.Pick(nil, s.now, true)
		s.counts[a.Index]++
		a.End()
	}
	if want := []int{1000, 0, 1000, 1000}; !slices.Equal(s.counts, want) {
		t.Errorf("the targets got %d, want %d", s.counts, want)
	}
}
