package queue_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/queue"
)

// fill makes n places join, which must all find room.
func fill(t *testing.T, q *queue.Queue, n int) []*queue.Place {
	t.Helper()
	places := make([]*queue.Place, n)
	for i := range places {
		place, joined := q.Join()
		if !joined {
			t.Fatalf("number %d finds no room", i)
		}
		places[i] = place
	}
	return places
}

// turns are the indexes of the places whose turn it is, or was.
func turns(places []*queue.Place) []int {
	var all []int
	for i, p := range places {
		select {
		case <-p.Turn():
			all = append(all, i)
		default:
		}
	}
	return all
}

func wantTurns(t *testing.T, places []*queue.Place, want ...int) {
	t.Helper()
	if got := turns(places); !slices.Equal(got, want) {
		t.Errorf("it is the turn of %v, want %v", got, want)
	}
}

func TestQueue_GivesTurnsInOrderOneAfterTheOther(t *testing.T) {
	q := queue.New(5)
	places := fill(t, q, 5)
	wantTurns(t, places)
	q.Release()
	for i := range places {
		// Those before had theirs.
		want := make([]int, i+1)
		for j := range want {
			want[j] = j
		}
		wantTurns(t, places, want...)
		places[i].Leave()
	}
	if n := q.Len(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestQueue_IsBounded(t *testing.T) {
	q := queue.New(2)
	places := fill(t, q, 2)
	if _, joined := q.Join(); joined {
		t.Fatal("a third joined a line of two")
	}
	places[0].Leave()
	fill(t, q, 1)
	if _, joined := q.Join(); joined || q.Len() != 2 {
		t.Errorf("joined: %v; %d wait, want 2", joined, q.Len())
	}
	for _, limit := range []int{0, -1} {
		if _, joined := queue.New(limit).Join(); joined {
			t.Errorf("a place joined a queue of %d", limit)
		}
	}
}

func TestQueue_IsPassedThroughWhileOpen(t *testing.T) {
	q := queue.New(1)
	q.Release()
	q.Release()
	places := fill(t, q, 3)
	wantTurns(t, places, 0)
	places[1].Leave()
	places[0].Leave()
	wantTurns(t, places, 0, 2)
	places[2].Leave()
	wantTurns(t, fill(t, q, 1), 0)
}

func TestQueue_ReleasesLaterPlacesBehindTheOthers(t *testing.T) {
	q := queue.New(1)
	places := fill(t, q, 1)
	q.Release()
	places = append(places, fill(t, q, 2)...)
	wantTurns(t, places, 0)
	places[0].Leave()
	wantTurns(t, places, 0, 1)
}

func TestQueue_HoldsPlacesThatJoinAfterHold(t *testing.T) {
	q := queue.New(2)
	places := fill(t, q, 2)
	q.Release()
	q.Hold()
	places = append(places, fill(t, q, 2)...)
	if _, joined := q.Join(); joined {
		t.Error("there is room beyond the limit")
	}
	places[0].Leave()
	places[1].Leave()
	wantTurns(t, places, 0, 1)
	q.Release()
	wantTurns(t, places, 0, 1, 2)
	places[2].Leave()
	wantTurns(t, places, 0, 1, 2, 3)
}

func TestQueue_StaysInOrderWhenReleasedAgain(t *testing.T) {
	q := queue.New(2)
	places := fill(t, q, 2)
	q.Release()
	q.Hold()
	places = append(places, fill(t, q, 2)...)
	q.Release()
	wantTurns(t, places, 0)
	for i := range places {
		places[i].Leave()
		if got := turns(places); len(got) != min(i+2, len(places)) {
			t.Errorf("after %d left, it is the turn of %v", i+1, got)
		}
	}
}

func TestPlace_LeavesFromAnywhere(t *testing.T) {
	q := queue.New(4)
	places := fill(t, q, 4)
	places[1].Leave()
	places[0].Leave()
	places[0].Leave() // Harmless.
	if n := q.Len(); n != 2 {
		t.Fatalf("%d wait, want 2", n)
	}
	q.Release()
	wantTurns(t, places, 2)
	places[3].Leave()
	places[2].Leave()
	places[2].Leave()
	wantTurns(t, places, 2)
	if n := q.Len(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestPlace_LeavesTheQueueUsableAsTheLast(t *testing.T) {
	q := queue.New(3)
	places := fill(t, q, 3)
	places[2].Leave()
	places = append(places, fill(t, q, 1)...)
	q.Release()
	for _, i := range []int{0, 1, 3} {
		if got := turns(places); got[len(got)-1] != i {
			t.Fatalf("it is the turn of %v, want %d", got, i)
		}
		places[i].Leave()
	}
}

// model is a simple and slow queue.
type model struct {
	open, line []int // of the released, and of the others
	isOpen     bool
}

func (m *model) leave(id int) {
	gone := func(other int) bool { return other == id }
	m.open, m.line = slices.DeleteFunc(m.open, gone), slices.DeleteFunc(m.line, gone)
}

func (m *model) step(what, id int, limit int) (joined bool) {
	switch {
	case what == 0:
		m.open, m.line, m.isOpen = append(m.open, m.line...), nil, true
	case what == 1:
		m.isOpen = false
	case m.isOpen:
		m.open = append(m.open, id)
		return true
	case len(m.line) < limit:
		m.line = append(m.line, id)
		return true
	}
	return false
}

// FuzzQueue compares a queue with the model after each of many steps.
func FuzzQueue(f *testing.F) {
	f.Add([]byte{2, 2, 2, 3, 0, 3, 2, 1, 2, 0, 3, 3})
	f.Add([]byte{2, 0, 1, 2, 0, 2, 11, 7, 3, 1, 2, 2, 2, 2, 2, 3, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		const limit = 4
		q, m := queue.New(limit), &model{}
		places := map[int]*queue.Place{}
		for id, step := range steps {
			switch what := int(step & 3); what {
			case 0:
				q.Release()
				m.step(what, id, limit)
			case 1:
				q.Hold()
				m.step(what, id, limit)
			case 2:
				place, joined := q.Join()
				if want := m.step(what, id, limit); joined != want {
					t.Fatalf("step %d: joined %v, want %v", id, joined, want)
				}
				if joined {
					places[id] = place
				}
			case 3:
				if all := slices.Concat(m.open, m.line); len(all) > 0 {
					leaving := all[int(step>>2)%len(all)]
					places[leaving].Leave()
					m.leave(leaving)
				}
			}
			checkModel(t, id, q, m, places)
		}
	})
}

func checkModel(t *testing.T, step int, q *queue.Queue, m *model, places map[int]*queue.Place) {
	t.Helper()
	all := slices.Concat(m.open, m.line)
	if q.Len() != len(all) {
		t.Fatalf("step %d: %d in the line, want %d", step, q.Len(), len(all))
	}
	for i, id := range all {
		has := len(turns([]*queue.Place{places[id]})) == 1
		if want := i == 0 && len(m.open) > 0; has != want {
			t.Fatalf("step %d: number %d of %d (%d released) has the turn: %v", step, i, len(all), len(m.open), has)
		}
	}
}

// wait waits as a request does, and returns whether its turn came in time.
func wait(ctx context.Context, p *queue.Place, chosen func()) bool {
	defer p.Leave()
	select {
	case <-p.Turn():
		chosen()
		return true
	case <-ctx.Done():
		return false
	}
}

func TestQueue_WaitsNoLongerThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(10)
		began := time.Now()
		var waiting sync.WaitGroup
		var served, late atomic.Int32
		for i := range 10 {
			place := fill(t, q, 1)[0]
			waiting.Go(func() {
				// Of ten, those with even numbers have 10 seconds, the others 30.
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(10+i%2*20)*time.Second)
				defer cancel()
				if wait(ctx, place, func() { served.Add(1) }) {
					return
				}
				late.Add(1)
			})
		}
		time.AfterFunc(20*time.Second, q.Release)
		waiting.Wait()
		if took := time.Since(began); served.Load() != 5 || late.Load() != 5 || took != 20*time.Second || q.Len() != 0 {
			t.Errorf("%d served, %d late after %v, %d left", served.Load(), late.Load(), took, q.Len())
		}
	})
}

func TestQueue_WaitsForASlowHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(2)
		places := fill(t, q, 2)
		q.Release()
		time.AfterFunc(time.Second, places[0].Leave)
		began := time.Now()
		if !wait(t.Context(), places[1], func() {}) || time.Since(began) != time.Second {
			t.Errorf("it was the second one's turn after %v", time.Since(began))
		}
	})
}
