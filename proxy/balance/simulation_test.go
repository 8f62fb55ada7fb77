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

// answers says how long a target takes for one request.
type answers func(target int, r *rand.Rand) time.Duration

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

// simulation is a group whose targets answer in a time that passes only here.
type simulation struct {
	group  *Group
	random *rand.Rand
	takes  answers
	now    time.Time
	under  events
	counts []int
}

func newSimulation(s Strategy, targets int, takes answers) *simulation {
	random := rand.New(rand.NewPCG(1, 2))
	group := New(Options{Strategy: s}, members(targets), nil)
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

// closed has a number of clients make each a request as soon as the one before was answered.
func (s *simulation) closed(t *testing.T, requests, visitors int) {
	t.Helper()
	for i := range requests {
		if i >= visitors {
			s.end()
		}
		s.begin(t)
	}
}

// open has requests come at random, a number of them each millisecond, whatever is under way.
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

func members(n int) []Target {
	all := make([]Target, n)
	for i := range all {
		all[i] = Target{Member: new(Member), ID: fmt.Sprintf("id-%d", i)}
	}
	return all
}

// The ways in which equal targets answer: after about the same time; after any; a few after a long time, as with a
// pause of a garbage collector; two kinds of pages.
var equal = map[string]answers{
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
		for _, visitors := range []int{1, 8, 64} {
			s := newSimulation(strategy, 3, equal[name])
			s.closed(t, 100_000, visitors)
			for i := range s.counts {
				if share := s.share(i); share < 0.98 || share > 1.02 {
					t.Errorf("%s, %s, %d visitors: target %d has %.3f of its share", strategy, name, visitors, i, share)
				}
			}
		}
	}
	for name := range equal {
		check(P2C, name)
	}
	check(RoundRobin, "exponential")
}

// tenfold has target 1 take ten times as long as the others.
func tenfold(takes answers) answers {
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
		for _, visitors := range []int{1, 2, 4, 8, 16, 64} {
			s := newSimulation(P2C, 3, tenfold(takes))
			s.closed(t, 20_000, visitors)
			check(s, fmt.Sprint(visitors, " visitors"))
		}
		for _, each := range []float64{0.01, 0.1, 1, 4, 16} {
			s := newSimulation(P2C, 3, tenfold(takes))
			s.open(t, 20_000, each)
			check(s, fmt.Sprint(each, " requests each ms"))
		}
	}
}

func TestPick_TakesASlowTargetBackThatBecameFast(t *testing.T) {
	for _, visitors := range []int{1, 8} {
		s := newSimulation(P2C, 3, tenfold(equal["steady"]))
		s.closed(t, 10_000, visitors)
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
			t.Errorf("%d visitors: it has %.3f of its even share", visitors, share)
		}
	}
}

func TestPick_GivesNobodyTheTurnsOfAnotherTwice(t *testing.T) {
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
