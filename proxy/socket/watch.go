package socket

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Watch interrupts sockets whose time is up, and those on the leash of a peer that is gone. Timeouts are late by up to
// two ticks, so that setting one costs no timer.
type Watch struct {
	tick time.Duration
	turn chan struct{}
	// now counts ticks from 1 on.
	now atomic.Int64
	// date is the current time as HTTP writes it.
	date atomic.Pointer[string]

	mu      sync.Mutex
	sockets []*Socket
	// copied is the memory of all, which Run alone calls.
	copied []*Socket
}

// NewWatch returns a watch with that tick, which bounds how exact timeouts are. Nothing is interrupted until Run.
func NewWatch(tick time.Duration) *Watch {
	w := &Watch{tick: tick, turn: make(chan struct{}, 1)}
	w.now.Store(1)
	w.tellTime(time.Now())
	return w
}

// Run watches until the context ends. Of several at once, one does.
func (w *Watch) Run(ctx context.Context) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return
	}
	ticker := time.NewTicker(w.tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			w.tellTime(now)
			w.sweep(w.now.Add(1))
		}
	}
}

// Date is the current time for a Date field (RFC 9110 section 6.6.1), exact to a second and a tick.
func (w *Watch) Date() string { return *w.date.Load() }

func (w *Watch) tellTime(now time.Time) {
	const imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"
	date := now.UTC().Format(imfFixdate)
	if old := w.date.Load(); old == nil || *old != date {
		w.date.Store(&date)
	}
}

// after is the tick in which d from now has passed.
func (w *Watch) after(d time.Duration) int64 { return w.now.Load() + 2 + int64((d-1)/w.tick) }

func (w *Watch) add(s *Socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.place = len(w.sockets)
	w.sockets = append(w.sockets, s)
}

// remove forgets a socket; one that it does not hold is ignored.
func (w *Watch) remove(s *Socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.place < 0 {
		return
	}
	last := len(w.sockets) - 1
	w.sockets[s.place] = w.sockets[last]
	w.sockets[s.place].place = s.place
	w.sockets[last] = nil
	w.sockets = w.sockets[:last]
	s.place = -1
}

// stretch is how many sockets are looked at before others may use the processor: each may take a system call.
const stretch = 64

// sweep interrupts what is due.
func (w *Watch) sweep(now int64) {
	all := w.all()
	// What is closed later is not to be held here.
	defer clear(all)
	for i, s := range all {
		if i%stretch == stretch-1 {
			runtime.Gosched()
		}
		if !s.strike(now) {
			s.look()
		}
	}
}

// all is a copy, so that sockets can come and go meanwhile.
func (w *Watch) all() []*Socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.copied = append(w.copied[:0], w.sockets...)
	return w.copied
}
