package live

import "sync"

// Signal wakes all that wait for a change. It is safe for concurrent use.
type Signal struct {
	mu sync.Mutex
	// changed is closed when something may have changed, nil as long as nobody waits.
	changed chan struct{}
}

// Poke wakes all that wait.
func (s *Signal) Poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Next is closed when something may have changed.
func (s *Signal) Next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}
