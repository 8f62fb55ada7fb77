package engine

import (
	"sync"
	"time"
)

// wait bounds how long something may take that knows no deadline, by a timer that is made when it is first needed.
type wait struct {
	// late ends what is waited for. It is set before the wait is used, and called at most once at a time.
	late  func()
	timer *time.Timer
	// running reports that the timer was started, fired that it ran out.
	running, fired bool

	mu      sync.Mutex
	waiting bool
	// broken reports that nothing is waited for any more.
	broken bool
}

// begin has late called if pause is not called within d; 0 or less is any time. late is not called any more, and not
// under way, when pause has returned. begin returns false when the wait was broken off.
func (w *wait) begin(d time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return false
	}
	w.waiting, w.running = true, d > 0
	switch {
	case d <= 0:
	case w.timer == nil:
		w.timer = time.AfterFunc(d, w.breakOff)
	default:
		w.timer.Reset(d)
	}
	return true
}

// pause ends what begin began.
func (w *wait) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
	if w.running && !w.timer.Stop() {
		w.fired = true
	}
}

// breakOff ends what is waited for, now and from now on. It may be called by anyone.
func (w *wait) breakOff() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting && !w.broken {
		w.late()
	}
	w.broken = true
}

// end reports whether the wait can be used again: not when it was broken off or may be about to.
func (w *wait) end() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.fired && !w.broken
}
