// Package queue is the queue in which the requests of one route wait while it is paused, or while its app is replaced or
// woken. It knows the order, the limit and whose turn it is; it knows nothing of requests, targets or time. The policy
// worth stating: after a release, the next request goes on only when the one before has chosen its target, so that each
// choice sees true counts and no target gets all requests.
//
// A request waits like this:
//
//	place, joined := line.Join()
//	if !joined {
//		return // There is no room.
//	}
//	select {
//	case <-place.Turn():
//		// Choose a target and count the request as under way there.
//	case <-tooLate:
//	}
//	place.Leave()
package queue

import "sync"

// Queue is a first-in, first-out queue. It is held until Release opens it; Hold closes it again. All methods are safe for
// concurrent use and take constant time.
type Queue struct {
	limit int

	mu   sync.Mutex
	open bool
	// first has the turn if it was released; last is the end of the queue.
	first, last *Place
	length      int
	// joined counts all places so far, which numbers them. Those up to released were released; of the others, held are in the
	// queue.
	joined, released uint64
	held             int
}

// New returns a held queue of that many places, none for a limit of 0 or less.
func New(limit int) *Queue { return &Queue{limit: limit} }

// Place is a place in the queue. Its holder must call Leave.
type Place struct {
	queue      *Queue
	number     uint64
	turn       chan struct{}
	prev, next *Place
	left       bool
}

// Join takes a place at the end of the queue. It returns false when the queue is full. An open queue is never full: the turn
// comes when the places before have left, so that a request that comes a moment after the release is not refused.
func (q *Queue) Join() (*Place, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.open && q.held >= q.limit {
		return nil, false
	}
	q.joined++
	p := &Place{queue: q, number: q.joined, turn: make(chan struct{}), prev: q.last}
	if q.last == nil {
		q.first = p
	} else {
		q.last.next = p
	}
	q.last = p
	q.length++
	if !q.open {
		q.held++
		return p, true
	}
	q.released = q.joined
	if q.first == p {
		close(p.turn)
	}
	return p, true
}

// Release opens the queue: all places get their turn, one after the other, in the order in which they joined. It does
// nothing to an open queue.
func (q *Queue) Release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open {
		return
	}
	// A place from before the last Hold may still have the turn.
	idle := q.first != nil && q.first.number > q.released
	q.open, q.released, q.held = true, q.joined, 0
	if idle {
		close(q.first.turn)
	}
}

// Hold closes the queue: places that join from now on wait for the next Release. Those released before still get their
// turn.
func (q *Queue) Hold() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = false
}

// Len is the number of places that have not left.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length
}

// Turn is closed when it is this place's turn.
func (p *Place) Turn() <-chan struct{} { return p.turn }

// Leave gives the place back, when its holder has chosen its target or gives up. If it has the turn, the next place gets
// it: a holder must leave within bounded time, also after a panic, or all behind it wait in vain. Leaving again does
// nothing.
func (p *Place) Leave() {
	q := p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	released, first := p.number <= q.released, p.prev == nil
	q.unlink(p)
	if !released {
		q.held--
		return
	}
	if first && q.first != nil && q.first.number <= q.released {
		close(q.first.turn)
	}
}

// unlink takes a place out of the queue. The caller holds mu.
func (q *Queue) unlink(p *Place) {
	if p.prev == nil {
		q.first = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		q.last = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.prev, p.next = nil, nil
	q.length--
}
