package engine

import (
	"sync"
	"time"
)

// wait limits how long an operation without a deadline may take, by a timer that is created on first use.
type wait struct {
	// late ends the operation. It is set before the wait is used; calls do not overlap.
	late  func()
	timer *time.Timer
	// running reports that the timer was started, fired that it expired.
	running, fired bool

	mu      sync.Mutex
	waiting bool
	// broken reports that breakOff was called.
	broken bool
}

// begin calls late after d, unless pause is called before; 0 or less is no limit. Once pause has returned, late is
// neither running nor called any more. begin returns false after breakOff.
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

// pause ends the operation that begin started.
func (w *wait) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
	if w.running && !w.timer.Stop() {
		w.fired = true
	}
}

// breakOff ends the operation under way, if any, and all later ones. It is safe for concurrent use.
func (w *wait) breakOff() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting && !w.broken {
		w.late()
	}
	w.broken = true
}

// end reports whether the wait can be reused: not if the timer has expired or breakOff was called.
func (w *wait) end() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.fired && !w.broken
}
