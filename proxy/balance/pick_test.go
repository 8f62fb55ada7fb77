package balance

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// attempt begins one with a target of a group, whatever is known of it.
func attempt(g *Group, index int, now time.Time) Attempt { return g.begin(index, now, false) }

// fail makes one attempt fail, which must eject its target.
func fail(t *testing.T, g *Group, index int, kind Kind, now time.Time) time.Duration {
	t.Helper()
	a := attempt(g, index, now)
	defer a.End()
	lasts := a.Failed(kind, now)
	if lasts == 0 {
		t.Fatalf("target %d was not ejected", index)
	}
	return lasts
}

// failThrice ejects a target for its responses.
func failThrice(t *testing.T, g *Group, index int, now time.Time) time.Duration {
	t.Helper()
	for range streak - 1 {
		a := attempt(g, index, now)
		a.Failed(Broken, now)
		a.End()
	}
	return fail(t, g, index, Wrong, now)
}

// picks returns which targets are picked in many attempts that have no result.
func picks(g *Group, tried []*Target, now time.Time) []int {
	var picked []int
	for range 50 * max(g.Len(), 1) {
		a, found := g.Pick(tried, now, true)
		if !found {
			continue
		}
		if !slices.Contains(picked, a.Index) {
			picked = append(picked, a.Index)
		}
		a.End()
	}
	slices.Sort(picked)
	return picked
}

// The kinds of targets.
const (
	passing = iota
	failing
	notYet
	refusing
	wrong
	refusingFails // ejected, and its checks fail
	tried
)

// groupOf makes a group of targets of those kinds, and returns which of them were tried.
func groupOf(t *testing.T, strategy Strategy, kinds []int) (g *Group, before []*Target) {
	targets := newTargets(len(kinds))
	g = New(Options{Strategy: strategy, Checked: true}, targets)
	for i, kind := range kinds {
		target := targets[i]
		target.SetHealth(Passing)
		switch kind {
		case failing:
			target.SetHealth(Failing)
		case notYet:
			target.SetHealth(Unchecked)
		case refusing:
			fail(t, g, i, Refused, epochStart)
		case wrong:
			failThrice(t, g, i, epochStart.Add(time.Duration(i)*time.Microsecond))
		case refusingFails:
			fail(t, g, i, Refused, epochStart)
			target.SetHealth(Failing)
		case tried:
			before = append(before, target)
		}
	}
	return g, before
}

func TestPick_PrefersThoseThatAreWell(t *testing.T) {
	tests := []struct {
		name    string
		targets []int
		want    []int
	}{
		{"none", nil, nil},
		{"one", []int{passing}, []int{0}},
		{"all of equals", []int{passing, passing, passing}, []int{0, 1, 2}},
		{"none that fails", []int{failing, passing, failing}, []int{1}},
		{"none at all rather than one that fails", []int{failing, failing}, nil},
		{"checked before unchecked", []int{notYet, passing, notYet}, []int{1}},
		{"unchecked before ejected", []int{refusing, notYet, notYet}, []int{1, 2}},
		{"unchecked rather than none", []int{failing, notYet}, []int{1}},
		{"none that is ejected", []int{passing, refusing, wrong, passing, refusing}, []int{0, 3}},
		{"ejected rather than none", []int{refusing, refusing, failing}, []int{0, 1}},
		{"one alone that is ejected", []int{refusing}, []int{0}},
		{"one alone with bad responses", []int{wrong}, []int{0}},
		{"bad responses before no connection", []int{refusing, refusing, wrong}, []int{2}},
		{"none that is ejected and fails", []int{refusing, refusingFails}, []int{0}},
		{"half for bad responses, those that were first", []int{wrong, wrong, wrong}, []int{1, 2}},
		{"half for bad responses, of four", []int{wrong, passing, wrong, wrong}, []int{1, 3}},
		{"none that was tried", []int{tried, passing, passing}, []int{1, 2}},
		{"ejected rather than tried", []int{tried, refusing}, []int{1}},
		{"none rather than tried", []int{tried, tried, failing}, nil},
	}
	for _, strategy := range []Strategy{P2C, RoundRobin, Sticky} {
		for _, test := range tests {
			g, before := groupOf(t, strategy, test.targets)
			if got := picks(g, before, epochStart.Add(time.Millisecond)); !slices.Equal(got, test.want) {
				t.Errorf("%s, %s: picked %d, want %d", strategy, test.name, got, test.want)
			}
		}
	}
}

func TestPick_IgnoresHealthWhereNothingIsChecked(t *testing.T) {
	targets := newTargets(3)
	targets[1].SetHealth(Failing)
	targets[2].SetHealth(Passing)
	if got := picks(New(Options{}, targets), nil, epochStart); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("picked %d", got)
	}
}

func TestPick_TakesTheLessBusy(t *testing.T) {
	g := New(Options{}, newTargets(2))
	a, _ := g.Pick(nil, epochStart, true)
	b, _ := g.Pick(nil, epochStart, true)
	if a.Index == b.Index {
		t.Errorf("both went to %d", a.Index)
	}
	a.End()
	c, _ := g.Pick(nil, epochStart, true)
	if c.Index != a.Index {
		t.Errorf("the third went to %d, which is busier", c.Index)
	}
	b.End()
	c.End()
	for i, target := range g.targets {
		if n := target.Inflight(); n != 0 {
			t.Errorf("target %d has %d under way", i, n)
		}
	}
}

func TestShared_KeepsTurnAndBudget(t *testing.T) {
	targets := newTargets(3)
	var shared Shared
	counts := map[*Target]int{}
	for range 99 {
		g := New(Options{Strategy: RoundRobin, Shared: &shared}, targets)
		a, _ := g.Pick(nil, epochStart, true)
		counts[a.Target]++
	}
	for i, target := range targets {
		if counts[target] != 33 {
			t.Errorf("target %d was asked %d times", i, counts[target])
		}
	}
	for New(Options{Shared: &shared}, targets).Spend() {
	}
	if New(Options{Shared: &shared}, targets).Spend() {
		t.Error("a new table gave the budget of retries back")
	}
}

func TestOthers_CountsTargetsThatAreNotOut(t *testing.T) {
	targets := newTargets(4)
	g := New(Options{Checked: true}, targets)
	for _, target := range targets {
		target.SetHealth(Passing)
	}
	first := []*Target{targets[0]}
	targets[1].SetHealth(Failing)
	fail(t, g, 2, Refused, epochStart)
	if !g.Others(first) {
		t.Error("the one that is well does not count")
	}
	targets[3].SetHealth(Unchecked)
	if !g.Others(first) {
		t.Error("the one that was not checked yet does not count")
	}
	fail(t, g, 3, Refused, epochStart)
	if g.Others(first) {
		t.Error("one that is ejected or fails counts")
	}
	if !g.Others(nil) {
		t.Error("the first does not count")
	}
}

func TestSpend_LeavesAFifthAndAReserve(t *testing.T) {
	g := New(Options{}, newTargets(2))
	spend := func() int {
		n := 0
		for g.Spend() {
			n++
		}
		return n
	}
	for range 10_000 {
		g.Earn()
	}
	if n := spend(); n != 100 {
		t.Errorf("the reserve is %d", n)
	}
	for range 1000 {
		g.Earn()
	}
	if n := spend(); n != 100 {
		t.Errorf("1000 requests earned %d, but the reserve is 100", n)
	}
	for range 104 {
		g.Earn()
	}
	if n := spend(); n != 20 {
		t.Errorf("104 requests earned %d", n)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				g.Earn()
				g.Spend()
			}
		})
	}
	group.Wait()
	if debt := g.shared.debt.Load(); debt < 0 || debt > retryReserve {
		t.Errorf("the debt is %d", debt)
	}
}

func TestPick_AllocatesNothing(t *testing.T) {
	for _, strategy := range []Strategy{P2C, RoundRobin} {
		g := New(Options{Strategy: strategy}, newTargets(100))
		fail(t, g, 3, Refused, epochStart)
		tried := []*Target{g.targets[7], g.targets[8]}
		n := testing.AllocsPerRun(1000, func() {
			for _, before := range [][]*Target{nil, tried} {
				a, _ := g.Pick(before, epochStart, true)
				g.Others(before)
				a.Succeeded(epochStart.Add(time.Millisecond))
				a.End()
			}
		})
		if n != 0 {
			t.Errorf("%s: %g allocations", strategy, n)
		}
	}
}

func TestDraw_FindsEveryPair(t *testing.T) {
	for n := 2; n < 6; n++ {
		found := map[[2]int]int{}
		for range 10_000 {
			i, j := draw(rand.Uint64(), uint64(n))
			if i == j || min(i, j) < 0 || max(i, j) >= n {
				t.Fatalf("drew %d and %d of %d", i, j, n)
			}
			found[[2]int{i, j}]++
		}
		if len(found) != n*(n-1) {
			t.Errorf("of %d, %d pairs were drawn", n, len(found))
		}
	}
}

func BenchmarkPick(b *testing.B) {
	groups := map[string]func() *Group{
		"3":             func() *Group { return New(Options{}, newTargets(3)) },
		"100":           func() *Group { return New(Options{}, newTargets(100)) },
		"3 round robin": func() *Group { return New(Options{Strategy: RoundRobin}, newTargets(3)) },
		"3 one ejected": func() *Group {
			g := New(Options{}, newTargets(3))
			attempt(g, 1, epochStart).Failed(Refused, epochStart)
			return g
		},
		"100 one ejected": func() *Group {
			g := New(Options{}, newTargets(100))
			attempt(g, 1, epochStart).Failed(Refused, epochStart)
			return g
		},
	}
	for name, group := range groups {
		b.Run(name, func(b *testing.B) {
			g := group()
			b.ReportAllocs()
			for b.Loop() {
				a, _ := g.Pick(nil, epochStart, true)
				a.Target.inflight.Add(-1)
			}
		})
		b.Run(name+", whole attempt", func(b *testing.B) {
			g, later := group(), epochStart.Add(time.Millisecond)
			b.ReportAllocs()
			for b.Loop() {
				a, _ := g.Pick(nil, epochStart, true)
				a.Succeeded(later)
				a.End()
			}
		})
	}
}

// Others is called for each request to a route with several targets.
func BenchmarkOthers(b *testing.B) {
	g := New(Options{}, newTargets(100))
	tried := []*Target{g.targets[50]}
	for b.Loop() {
		if !g.Others(tried) {
			b.Fatal("there are no others")
		}
	}
}
