package live

import "sync"

// Signal tells waiting goroutines of a change. It is safe for concurrent use.
type Signal struct {
	mu sync.Mutex
	// changed is closed by the next Poke, nil as long as no goroutine waits.
	changed chan struct{}
}

// Poke wakes all waiting goroutines.
func (s *Signal) Poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Next is closed by the next Poke.
func (s *Signal) Next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}
