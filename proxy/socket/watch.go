package socket

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Watch interrupts sockets whose time is up, and what waits for a peer that is gone. Timeouts are late by up to
// two ticks, so that setting one costs no timer. It is a hashed wheel (Varghese and Lauck, scheme 6) that is put right
// late: a socket stands where it was to be looked at when that was last settled, and a time that is put off moves
// nothing. So most requests cost no more than a few atomic operations, and many sockets that wait cost nothing.
type Watch struct {
	tick time.Duration
	turn chan struct{}
	// now counts ticks from 1 on.
	now atomic.Int64
	// date is the current time as HTTP writes it, and second that in seconds since 1970, which is Run's own.
	date   atomic.Pointer[string]
	second int64

	mu sync.Mutex
	// wheel holds the first of the sockets that are to be looked at in a tick, by the tick's rest.
	wheel [spokes]*Socket
	// looked is how many sockets the last tick had. It is Run's own.
	looked int
}

const (
	// spokes is how many ticks ahead a socket can stand. One that is due later is looked at in between.
	spokes = 256
	// never is the tick in which nobody is looked at.
	never = math.MaxInt64
	// stretch is how many sockets are looked at before others may use the processor, since each may take a system call,
	// and breath is how long; there are about as many breaths in a tick at most. Goroutines that yield, and do not wait,
	// leave the network unseen.
	stretch = 16
	breath  = 100 * time.Microsecond
	breaths = 100
)

// seat is a socket's place in the wheel. What is not atomic is guarded by the watch.
type seat struct {
	// visit is the tick in which the watch looks at the socket, never if it stands nowhere.
	visit atomic.Int64
	// socket is whose seat it is, next and prev are others in the same tick.
	socket, next, prev *Socket
	// left reports that the socket was closed.
	left bool
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
	if second := now.Unix(); second != w.second || w.date.Load() == nil {
		date := now.UTC().Format(imfFixdate)
		w.second = second
		w.date.Store(&date)
	}
}

// after is the tick in which d from now has passed.
func (w *Watch) after(d time.Duration) int64 { return w.now.Load() + 2 + int64((d-1)/w.tick) }

// meet has the watch look at a socket in that tick at the latest. Whoever sets what the watch goes by calls it afterwards:
// either it sees here that the socket stands too late, or the watch, which settles the place last, has seen what was set.
func (w *Watch) meet(s *Socket, tick int64) {
	if s.visit.Load() <= tick {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.place(s, tick)
}

// soon has the watch look at a socket in the next tick.
func (w *Watch) soon(s *Socket) { w.meet(s, w.now.Load()+1) }

// place puts a socket where it is looked at in that tick, or in the nearest that there is, unless it stands before that.
// The caller holds the lock.
func (w *Watch) place(s *Socket, tick int64) {
	// The tick that is now has been looked through or is being so: what came there would wait for a whole turn.
	now := w.now.Load()
	tick = min(max(tick, now+1), now+spokes-1)
	if s.left || s.visit.Load() <= tick {
		return
	}
	w.take(s)
	first := &w.wheel[tick%spokes]
	if s.next = *first; s.next != nil {
		s.next.prev = s
	}
	*first = s
	s.visit.Store(tick)
}

// take takes a socket out of the wheel, if it stands there. The caller holds the lock.
func (w *Watch) take(s *Socket) {
	at := s.visit.Load()
	if at == never {
		return
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		w.wheel[at%spokes] = s.next
	}
	s.next, s.prev = nil, nil
	s.visit.Store(never)
}

// remove forgets a socket for good.
func (w *Watch) remove(s *Socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.take(s)
	s.left = true
}

// sweep looks at those whose tick it is, and interrupts what is due.
func (w *Watch) sweep(now int64) {
	at := max(stretch, w.looked/breaths)
	for w.looked = 0; ; w.looked++ {
		s := w.first(now)
		if s == nil {
			return
		}
		if !s.strike(now) {
			s.look()
		}
		w.again(s)
		if w.looked%at == at-1 {
			time.Sleep(breath)
		}
	}
}

// first takes out one of those whose tick it is, nil if none is left.
func (w *Watch) first(now int64) *Socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.wheel[now%spokes]
	if s != nil {
		w.take(s)
	}
	return s
}

// again puts a socket where it is to be looked at next.
func (w *Watch) again(s *Socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if tick := s.wanted(w.now.Load()); tick != never {
		w.place(s, tick)
	}
}
