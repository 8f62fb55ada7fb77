package queue_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"gateway/proxy/queue"
)

// targets count the requests under way, as package balance does.
type targets struct {
	busy [3]atomic.Int64
	// choosing are at it now; crowded counts how often others were too.
	choosing, crowded atomic.Int32
}

// choose takes the least busy target. Reading the counts and adding to them are two steps, and others may come between.
func (all *targets) choose() {
	if all.choosing.Add(1) > 1 {
		all.crowded.Add(1)
	}
	defer all.choosing.Add(-1)
	best := rand.IntN(len(all.busy))
	for i := range all.busy {
		if all.busy[i].Load() < all.busy[best].Load() {
			best = i
		}
	}
	for range 100 {
		runtime.Gosched()
	}
	all.busy[best].Add(1)
}

// apart is how far the busiest target is from its even share, as a part of that.
func (all *targets) apart() float64 {
	var sum, most float64
	for i := range all.busy {
		n := float64(all.busy[i].Load())
		sum, most = sum+n, max(most, n)
	}
	return most/(sum/float64(len(all.busy))) - 1
}

func TestQueue_ReleasesWithoutAStampede(t *testing.T) {
	const crowd = 1000
	run := func(paced bool) *targets {
		q, all := queue.New(crowd), new(targets)
		var waiting sync.WaitGroup
		for range crowd {
			place := fill(t, q, 1)[0]
			waiting.Go(func() {
				if paced {
					wait(t.Context(), place, all.choose)
					return
				}
				wait(t.Context(), place, func() {})
				all.choose()
			})
		}
		q.Release()
		waiting.Wait()
		return all
	}
	if all := run(true); all.apart() > 0.02 || all.crowded.Load() > 0 {
		t.Errorf("a target is %.1f %% off, and two chose at once %d times", all.apart()*100, all.crowded.Load())
	}
	t.Logf("without turns a target is %.1f %% off", run(false).apart()*100)
}

func TestQueue_LosesNoPlaceUnderConcurrency(t *testing.T) {
	const crowd = 2000
	q := queue.New(crowd)
	var waiting sync.WaitGroup
	var served, left atomic.Int32
	for i := range crowd {
		waiting.Go(func() {
			place := fill(t, q, 1)[0]
			switch i % 4 {
			case 0:
				place.Leave()
				left.Add(1)
			case 1:
				q.Release()
				fallthrough
			default:
				wait(t.Context(), place, func() { served.Add(1) })
			}
		})
		if i%100 == 0 {
			q.Hold()
		}
	}
	done := make(chan struct{})
	go func() { waiting.Wait(); close(done) }()
	for finished := false; !finished; {
		q.Release()
		select {
		case <-done:
			finished = true
		default:
			runtime.Gosched()
		}
	}
	if served.Load() != crowd*3/4 || left.Load() != crowd/4 || q.Len() != 0 {
		t.Errorf("%d served, %d left early, %d still there", served.Load(), left.Load(), q.Len())
	}
}
