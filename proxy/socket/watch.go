package socket

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Watch interrupts sockets whose time is over, and what waits for a peer that has disconnected. Timeouts are up to two ticks
// late, so that setting one needs no timer. It is a hashed timing wheel (Varghese and Lauck, scheme 6) with lazy updates: a
// socket stays in its slot when its time is postponed, and moves when the watch checks it. Most requests therefore cost only
// a few atomic operations, and sockets that wait cost nothing.
type Watch struct {
	tick time.Duration
	turn chan struct{}
	// now counts ticks from 1 on.
	now atomic.Int64
	// date is the current time in the format of HTTP. second is the same in seconds since 1970; only Run uses it.
	date   atomic.Pointer[string]
	second int64

	mu sync.Mutex
	// wheel has, by tick modulo wheelSlots, the list of the sockets to check in that tick.
	wheel [wheelSlots]*Socket
	// checked is the number of sockets that the last tick checked. Only Run uses it.
	checked int
}

const (
	// wheelSlots is how many ticks ahead a check can be scheduled. A socket that is due later is checked in between.
	wheelSlots = 256
	// never is the tick of a socket that is not scheduled.
	never = math.MaxInt64
	// After pauseEvery checks, each of which may make a system call, the watch sleeps for pauseTime, about pausesPerTick times
	// a tick at most. It sleeps because runtime.Gosched would not let the scheduler poll the network.
	pauseEvery    = 16
	pauseTime     = 100 * time.Microsecond
	pausesPerTick = 100
)

// wheelEntry is a socket's entry in the wheel. The watch's mutex guards what is not atomic.
type wheelEntry struct {
	// checkAt is the tick in which the watch checks the socket, never if it is not scheduled.
	checkAt atomic.Int64
	// socket is the owner of the entry; next and prev are others in the same slot.
	socket, next, prev *Socket
	// closed reports that the socket was closed.
	closed bool
}

// NewWatch returns a watch with that tick, the precision of timeouts. It interrupts nothing until Run.
func NewWatch(tick time.Duration) *Watch {
	w := &Watch{tick: tick, turn: make(chan struct{}, 1)}
	w.now.Store(1)
	w.setDate(time.Now())
	return w
}

// Run watches until the context ends. If it is called several times, one call at a time watches.
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
			w.setDate(now)
			w.sweep(w.now.Add(1))
		}
	}
}

// Date is the current time for a Date field (RFC 9110 section 6.6.1). It may be late by a tick.
func (w *Watch) Date() string { return *w.date.Load() }

func (w *Watch) setDate(now time.Time) {
	const imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"
	if second := now.Unix(); second != w.second || w.date.Load() == nil {
		date := now.UTC().Format(imfFixdate)
		w.second = second
		w.date.Store(&date)
	}
}

// after is the tick in which d has passed.
func (w *Watch) after(d time.Duration) int64 { return w.now.Load() + 2 + int64((d-1)/w.tick) }

// checkBy schedules a check of the socket in that tick at the latest. Call it after changing what the watch checks: either it
// sees here that the socket is scheduled too late, or the watch has seen the change when it scheduled the socket.
func (w *Watch) checkBy(s *Socket, tick int64) {
	if s.checkAt.Load() <= tick {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.place(s, tick)
}

// checkSoon schedules a check of the socket in the next tick.
func (w *Watch) checkSoon(s *Socket) { w.checkBy(s, w.now.Load()+1) }

// place schedules a socket for that tick, or the nearest that the wheel has, unless it is scheduled earlier. The caller holds
// the lock.
func (w *Watch) place(s *Socket, tick int64) {
	// The slot of the current tick is done or in progress: an entry there would wait for a whole turn of the wheel.
	now := w.now.Load()
	tick = min(max(tick, now+1), now+wheelSlots-1)
	if s.closed || s.checkAt.Load() <= tick {
		return
	}
	w.unlink(s)
	first := &w.wheel[tick%wheelSlots]
	if s.next = *first; s.next != nil {
		s.next.prev = s
	}
	*first = s
	s.checkAt.Store(tick)
}

// unlink removes a socket from the wheel, if it is there. The caller holds the lock.
func (w *Watch) unlink(s *Socket) {
	at := s.checkAt.Load()
	if at == never {
		return
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		w.wheel[at%wheelSlots] = s.next
	}
	s.next, s.prev = nil, nil
	s.checkAt.Store(never)
}

// remove removes a socket that is closed.
func (w *Watch) remove(s *Socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(s)
	s.closed = true
}

// sweep checks the sockets of a tick, and interrupts those that are due.
func (w *Watch) sweep(now int64) {
	at := max(pauseEvery, w.checked/pausesPerTick)
	for w.checked = 0; ; w.checked++ {
		s := w.first(now)
		if s == nil {
			return
		}
		if !s.interruptDue(now) {
			s.check()
		}
		w.reschedule(s)
		if w.checked%at == at-1 {
			time.Sleep(pauseTime)
		}
	}
}

// first removes one of the sockets of a tick from the wheel and returns it, nil if none is left.
func (w *Watch) first(now int64) *Socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.wheel[now%wheelSlots]
	if s != nil {
		w.unlink(s)
	}
	return s
}

// reschedule schedules the next check of a socket.
func (w *Watch) reschedule(s *Socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if tick := s.nextCheck(w.now.Load()); tick != never {
		w.place(s, tick)
	}
}
