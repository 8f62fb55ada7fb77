package socket

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// pass lets that many ticks pass.
func pass(w *Watch, ticks int64) {
	for range ticks {
		w.sweep(w.now.Add(1))
	}
}

// unconnected is a socket whose connection is not used.
func unconnected(w *Watch) *Socket { return New(&net.TCPConn{}, w) }

// standing counts the sockets in the wheel.
func standing(w *Watch) int {
	n := 0
	for _, s := range w.wheel {
		for ; s != nil; s = s.next {
			n++
		}
	}
	return n
}

func TestWatch_ForgetsClosedSockets(t *testing.T) {
	w := NewWatch(time.Second)
	var all []*Socket
	for range 5 {
		s, _ := pair(t, w)
		s.Within(time.Minute)
		all = append(all, s)
	}
	pass(w, 1)
	for n, i := range []int{0, 4, 2, 1, 3} {
		_ = all[i].Close()
		_ = all[i].Close()
		all[i].Within(time.Second)
		if left := standing(w); left != 4-n {
			t.Fatalf("%d sockets are held, %d are open", left, 4-n)
		}
	}
}

// A timeout applies however often it was changed, and however many turns of the wheel it is ahead.
func TestWatch_InterruptsInTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w := NewWatch(time.Millisecond)
	type one struct {
		*Socket
		due int64
	}
	var all []*one
	for range 200 {
		all = append(all, &one{Socket: unconnected(w)})
	}
	ended := 0
	for range 5 * wheelSlots {
		pass(w, 1)
		now := w.now.Load()
		for _, s := range all {
			if over := s.due > 0 && s.due <= now; over != s.Interrupted() {
				t.Fatalf("in tick %d a socket that is due in tick %d: interrupted %v", now, s.due, s.Interrupted())
			}
			if s.Interrupted() || r.IntN(20) > 0 {
				continue
			}
			span := 0
			if r.IntN(4) > 0 {
				span = 1 + r.IntN(1+r.IntN(3*wheelSlots))
			}
			s.Within(time.Duration(span) * w.tick)
			s.due = s.clock.due.Load()
		}
	}
	for _, s := range all {
		if s.Interrupted() {
			ended++
		}
	}
	if ended < len(all)/2 {
		t.Errorf("only %d of %d were ever due", ended, len(all))
	}
}

// A timeout is not lost if it is set while the watch schedules the socket.
func TestWatch_MissesNoTimeoutThatIsSetMeanwhile(t *testing.T) {
	w := NewWatch(time.Millisecond)
	stop := make(chan struct{})
	var sweeping sync.WaitGroup
	sweeping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				pass(w, 1)
			}
		}
	})
	defer sweeping.Wait()
	defer close(stop)
	target := NewInterruption(func() {})
	for range 300 {
		s := unconnected(w)
		for i := range 50 {
			s.Within(time.Hour)
			s.NotifyClosed(target)
			s.Within(time.Duration(i%3) * time.Millisecond)
			s.StopNotify()
			s.Within(0)
			if s.Interrupted() {
				s = unconnected(w)
			}
		}
		s.Within(2 * time.Millisecond)
		eventually(t, "it is interrupted", s.Interrupted)
	}
}

// Many sockets that wait and are not due cost a tick nothing: they are not checked.
func TestWatch_ChecksNoSocketTooEarly(t *testing.T) {
	w := NewWatch(time.Millisecond)
	s := unconnected(w)
	s.Within(100 * time.Millisecond)
	stands := s.checkAt.Load()
	for range 50 {
		pass(w, 1)
		s.Within(100 * time.Millisecond) // put off, as with each request
		if s.checkAt.Load() != stands {
			t.Fatal("a time that was put off moved the socket")
		}
	}
	pass(w, 60)
	if s.Interrupted() || s.checkAt.Load() == stands {
		t.Error("it was not checked, or its time was not postponed")
	}
	s.Within(time.Millisecond)
	pass(w, 4)
	if !s.Interrupted() {
		t.Error("it was not interrupted")
	}
}

// A socket with a notifier or a condition is checked in every tick, and not at all without.
func TestWatch_ChecksAConditionInEachTick(t *testing.T) {
	w := NewWatch(time.Millisecond)
	s := unconnected(w)
	checks := 0
	s.InterruptWhen(func() bool { checks++; return checks == 10 })
	pass(w, 50)
	if checks != 10 || !s.Interrupted() || standing(w) != 0 {
		t.Errorf("%d checks, interrupted %v, %d in the wheel", checks, s.Interrupted(), standing(w))
	}
}
