// Package queue is the line in which the requests of one route wait: while it is paused, while its app is replaced or
// woken up. It knows who came first, how many may wait and whose turn it is; it knows nothing of requests, targets or
// time. The one policy worth stating: those who were released go one after the other, each only when the one before it
// has chosen its target, so that every choice is made with true counts in view and no target gets them all.
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

// Queue is a line of those who wait. It is held, so that nobody's turn comes, until Release opens it; Hold closes it
// again. All methods are safe for concurrent use and take constant time.
type Queue struct {
	limit int

	mu   sync.Mutex
	open bool
	// first has the turn if it was released; last is the end of the line.
	first, last *Place
	length      int
	// joined counts those who ever joined, which numbers them. Those up to released were released; of the others, held
	// are in the line.
	joined, released uint64
	held             int
}

// New makes a held queue in which up to limit wait. With a limit of 0 or less there is room for nobody.
func New(limit int) *Queue { return &Queue{limit: limit} }

// Place is one place in the line. Whoever has one gives it back with Leave.
type Place struct {
	queue      *Queue
	number     uint64
	turn       chan struct{}
	prev, next *Place
	left       bool
}

// Join takes a place at the end of the line. It returns false when as many as may wait already do. While the queue is
// open there is room for everybody: the turn comes as soon as those before have left, so that nobody who meant to wait
// and came a moment after the release is forgotten.
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

// Release opens the queue: all who wait get their turns, in the order in which they came, one after the other. An open
// queue stays as it is.
func (q *Queue) Release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open {
		return
	}
	// The turn is somebody's already when the line before the last Hold is not over.
	idle := q.first != nil && q.first.number > q.released
	q.open, q.released, q.held = true, q.joined, 0
	if idle {
		close(q.first.turn)
	}
}

// Hold closes the queue: who joins from now on waits for the next Release. Those who were released before still get
// their turns.
func (q *Queue) Hold() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = false
}

// Len is the number of those who joined and have not left.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length
}

// Turn is closed when it is this place's turn.
func (p *Place) Turn() <-chan struct{} { return p.turn }

// Leave gives the place back: once its holder has chosen its target, or has given up for whatever reason. If it has the
// turn, the next one gets it; so whoever has a place must leave within bounded time, also when it panics, or those
// behind it wait in vain. Leaving again does nothing.
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

// unlink takes a place out of the line. The caller holds mu.
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
