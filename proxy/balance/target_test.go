package balance

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pair is a group of two, so that each pick comes upon both.
func pair() *Group { return New(Options{}, newTargets(2)) }

// near reports whether a duration is what is wanted, give or take a tenth.
func near(d, want time.Duration) bool { return d >= want*9/10 && d <= want*11/10 }

func TestFailed_EjectsAtOnceWhatRefuses(t *testing.T) {
	g, now := pair(), epochStart
	lasts := fail(t, g, 0, Refused, now)
	if !near(lasts, time.Second) {
		t.Errorf("the first ejection lasts %s", lasts)
	}
	target := g.targets[0]
	want := State{Ejected: true, Left: lasts, Cause: Refused, Ejections: 1}
	if s := target.State(now); s != want {
		t.Errorf("the state is %+v, want %+v", s, want)
	}
	if !target.Ejected() || target.Ejections() != 1 {
		t.Errorf("ejected %t, %d times", target.Ejected(), target.Ejections())
	}
	target.SetHealth(Failing)
	want.Left, want.Health = 0, Failing
	if s := target.State(now.Add(lasts)); s != want {
		t.Errorf("the state is %+v, want %+v", s, want)
	}
}

func TestFailed_EjectsAfterThreeBadResponsesInARow(t *testing.T) {
	for _, kind := range []Kind{Broken, Wrong} {
		g := pair()
		for i := range 10 {
			a := attempt(g, 0, epochStart)
			if i%3 == 2 {
				a.Succeeded(epochStart)
			} else if a.Failed(kind, epochStart) != 0 {
				t.Fatalf("kind %d: ejected although every third attempt succeeded", kind)
			}
		}
		attempt(g, 0, epochStart).Failed(kind, epochStart) // The tenth was the first in a row.
		if lasts := attempt(g, 0, epochStart).Failed(kind, epochStart); !near(lasts, time.Second) {
			t.Errorf("kind %d: ejected for %s after three in a row", kind, lasts)
		}
		if s := g.targets[0].State(epochStart); s.Cause != kind {
			t.Errorf("the cause is %d, want %d", s.Cause, kind)
		}
	}
}

func TestEjection_LastsTwiceAsLongEachTimeUpToAMinute(t *testing.T) {
	g, now := pair(), epochStart
	lasts := fail(t, g, 0, Refused, now)
	for _, seconds := range []int{2, 4, 8, 16, 32, 60, 60, 60} {
		want := time.Duration(seconds) * time.Second
		now = now.Add(lasts)
		a := trialOf(t, g, now)
		lasts = a.Failed(Refused, now)
		a.End()
		if !near(lasts, want) {
			t.Errorf("ejected for %s, want %s", lasts, want)
		}
	}
}

func TestEjection_IsForgottenAfterAsLong(t *testing.T) {
	tests := []struct{ well, want time.Duration }{
		{0, 4 * time.Second}, {9 * time.Second, 4 * time.Second}, {10 * time.Second, time.Second}, {time.Hour, time.Second},
	}
	for _, test := range tests {
		g, now := pair(), epochStart
		now = now.Add(fail(t, g, 0, Refused, now))
		now = now.Add(trialOf(t, g, now).Failed(Refused, now))
		if !trialOf(t, g, now).Succeeded(now) {
			t.Error("the trial did not end the ejection")
		}
		if lasts := fail(t, g, 0, Refused, now.Add(test.well)); !near(lasts, test.want) {
			t.Errorf("after it was well for %s it is ejected for %s, want %s", test.well, lasts, test.want)
		}
	}
	g, now := pair(), epochStart
	lasts := fail(t, g, 0, Refused, now)
	for lasts < 30*time.Second {
		now = now.Add(lasts)
		lasts = trialOf(t, g, now).Failed(Refused, now)
	}
	now = now.Add(lasts)
	trialOf(t, g, now).Succeeded(now)
	if lasts := fail(t, g, 0, Refused, now.Add(20*time.Second)); !near(lasts, time.Minute) {
		t.Errorf("a long ejection was forgotten early: the next lasts %s", lasts)
	}
}

// trialOf picks until a trial comes, which has to come soon.
func trialOf(t *testing.T, g *Group, now time.Time) Attempt {
	t.Helper()
	for range 100 {
		a, _ := g.Pick(nil, now, true)
		if a.trial {
			return a
		}
		a.End()
	}
	t.Fatal("no trial began")
	return Attempt{}
}

func TestTrial_IsOfOneRequestAtATime(t *testing.T) {
	g, now := pair(), epochStart
	lasts := fail(t, g, 0, Refused, now)
	if got := picks(g, nil, now.Add(lasts-1)); len(got) != 1 || got[0] != 1 {
		t.Errorf("before its time was over, %d were picked", got)
	}
	now = now.Add(lasts)
	a := trialOf(t, g, now)
	if got := picks(g, nil, now); len(got) != 1 || got[0] != 1 {
		t.Errorf("during the trial, %d were picked", got)
	}
	a.End()
	b := trialOf(t, g, now)
	if b.Succeeded(now); g.targets[0].Ejected() {
		t.Error("the trial did not end the ejection")
	}
	b.End()
	if got := picks(g, nil, now); len(got) != 2 {
		t.Errorf("after the trial, %d were picked", got)
	}
}

func TestTrial_EndsOnlyWithItsOwnAttempt(t *testing.T) {
	g, now := pair(), epochStart
	now = now.Add(fail(t, g, 0, Refused, now))
	first := trialOf(t, g, now)
	now = now.Add(first.Failed(Refused, now))
	second := trialOf(t, g, now)
	first.End()
	if got := picks(g, nil, now); len(got) != 1 || got[0] != 1 {
		t.Errorf("the end of the first trial began another beside the second: %d", got)
	}
	second.End()
	trialOf(t, g, now).End()
}

func TestTrial_IsNoneForWhatMustNotBeSentTwice(t *testing.T) {
	g, now := pair(), epochStart
	now = now.Add(failThrice(t, g, 0, now))
	for range 100 {
		if a, _ := g.Pick(nil, now, false); a.Index == 0 {
			t.Fatal("a request that must not be sent twice went to a target that broke others")
		}
	}
	if _, taken := g.Take(0, now, false); taken {
		t.Error("it was taken")
	}
	if a, _ := g.Pick(nil, now.Add(overdue), false); !a.trial {
		t.Error("it gets no trial when there are only such requests")
	}

	g, now = pair(), epochStart
	now = now.Add(fail(t, g, 0, Refused, now))
	if a, _ := g.Pick(nil, now, false); !a.trial {
		t.Error("one that refused connections is not tried, though nothing can be lost")
	}
}

func TestTrial_IsOneUnderConcurrency(t *testing.T) {
	g, now := pair(), epochStart
	now = now.Add(fail(t, g, 0, Refused, now))
	var under, most, trials atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 2_000 {
				a, _ := g.Pick(nil, now, true)
				if a.Index == 0 {
					if n := under.Add(1); n > 1 {
						most.Store(n)
					}
					trials.Add(1)
					under.Add(-1)
				}
				a.End()
			}
		})
	}
	group.Wait()
	if most.Load() != 0 || trials.Load() == 0 {
		t.Errorf("%d trials, up to %d at a time", trials.Load(), most.Load())
	}
	if n := g.targets[0].Inflight() + g.targets[1].Inflight(); n != 0 {
		t.Errorf("%d are under way", n)
	}
}

func TestTarget_CountsRightUnderConcurrency(t *testing.T) {
	g := New(Options{}, newTargets(3))
	var returned, ejected atomic.Int64
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			now := epochStart
			for i := range 5_000 {
				a, found := g.Pick(nil, now, i%2 == 0)
				if !found {
					t.Error("nothing was picked")
					return
				}
				switch (i + n) % 5 {
				case 0:
					if a.Failed(Kind(1+i%3), now) > 0 {
						ejected.Add(1)
					}
				case 1, 2:
					if a.Succeeded(now) {
						returned.Add(1)
					}
				}
				a.End()
				a.Target.State(now)
				now = now.Add(time.Millisecond)
			}
		})
	}
	group.Wait()
	var ejections uint64
	for i, target := range g.targets {
		ejections += target.Ejections()
		if target.Inflight() != 0 {
			t.Errorf("target %d has %d under way", i, target.Inflight())
		}
	}
	if int64(ejections) != ejected.Load() || ejected.Load() < returned.Load() {
		t.Errorf("%d ejections, of which %d were reported, and %d returns", ejections, ejected.Load(), returned.Load())
	}
}

func TestFailed_DoesNotProlongAnEjection(t *testing.T) {
	g, now := pair(), epochStart
	before := attempt(g, 0, now)
	lasts := fail(t, g, 0, Refused, now)
	during := attempt(g, 0, now)
	for _, a := range []Attempt{before, during} {
		if d := a.Failed(Refused, now); d != 0 {
			t.Errorf("ejected for %s once more", d)
		}
	}
	if left := g.targets[0].State(now).Left; left != lasts {
		t.Errorf("%s are left of %s", left, lasts)
	}
	now = now.Add(lasts)
	trialOf(t, g, now).Succeeded(now)
	if before.Failed(Refused, now) != 0 || g.targets[0].Ejected() {
		t.Error("what began before the ejection ejects it after its return")
	}
}

func TestFailed_CountsARefusalMoreThanBadResponses(t *testing.T) {
	g, now := pair(), epochStart
	failThrice(t, g, 0, now)
	if lasts := attempt(g, 0, now).Failed(Refused, now); !near(lasts, 2*time.Second) {
		t.Errorf("ejected for %s", lasts)
	}
	if cause := g.targets[0].State(now).Cause; cause != Refused {
		t.Errorf("the cause is %d", cause)
	}
}

func TestFailed_MayFollowTheEndOfATrial(t *testing.T) {
	g, now := pair(), epochStart
	now = now.Add(failThrice(t, g, 0, now))
	a := trialOf(t, g, now)
	a.End()
	if lasts := a.Failed(Wrong, now); !near(lasts, 2*time.Second) {
		t.Errorf("ejected for %s", lasts)
	}
}

func TestSucceeded_ReportsAReturnOnce(t *testing.T) {
	g, now := pair(), epochStart
	before := attempt(g, 0, now)
	fail(t, g, 0, Refused, now)
	if before.Succeeded(now) || !g.targets[0].Ejected() {
		t.Error("what began before the ejection ended the ejection")
	}
	a, b := attempt(g, 0, now), attempt(g, 0, now)
	if !a.Succeeded(now) || b.Succeeded(now) {
		t.Error("the first of two did not end the ejection")
	}
	if s := g.targets[0].State(now); s != (State{Ejections: 1}) {
		t.Errorf("the state is %+v", s)
	}
}

func TestErrored_EndsOnlyEjectionsForRefusals(t *testing.T) {
	g, now := pair(), epochStart
	before := attempt(g, 0, now)
	now = now.Add(fail(t, g, 0, Refused, now))
	if before.Errored(now) {
		t.Error("what began before the ejection ended the ejection")
	}
	if !trialOf(t, g, now).Errored(now) || g.targets[0].Ejected() {
		t.Error("it accepts connections and did not return")
	}
	now = now.Add(failThrice(t, g, 0, now))
	a := trialOf(t, g, now)
	if a.Errored(now) || !g.targets[0].Ejected() {
		t.Error("it still has bad responses and returned")
	}
	a.End()
	trialOf(t, g, now).End()
}

func TestErrored_DoesNotMakeATargetFast(t *testing.T) {
	g := New(Options{}, newTargets(2))
	now := epochStart
	var failures int
	for range 2_000 {
		a, _ := g.Pick(nil, now, true)
		if a.Index == 0 {
			failures++
			a.Errored(now.Add(time.Millisecond))
		} else {
			a.Succeeded(now.Add(time.Second))
		}
		a.End()
	}
	if failures > 1_200 {
		t.Errorf("a target that fails fast got %d of 2000 requests", failures)
	}
}

func TestTrial_IsNoneForARetry(t *testing.T) {
	g := New(Options{}, newTargets(3))
	now := epochStart
	now = now.Add(fail(t, g, 0, Refused, now))
	if got := picks(g, g.targets[1:2], now); len(got) != 1 || got[0] != 2 {
		t.Errorf("%d were picked for a retry", got)
	}
	if got := picks(g, g.targets[1:], now); len(got) != 1 || got[0] != 0 {
		t.Errorf("%d were picked for a retry when no other is left", got)
	}
}

func TestEjection_EndsWhenTheClockIsPutBack(t *testing.T) {
	g, now := pair(), epochStart
	fail(t, g, 0, Refused, now)
	if left := g.targets[0].State(now.Add(-time.Hour)).Left; left != 0 {
		t.Errorf("%s are left", left)
	}
	trialOf(t, g, now.Add(-time.Hour))
}
