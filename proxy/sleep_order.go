package proxy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"gateway/proxy/admin"
)

// sleeps is where an agent waits for orders.
type sleeps struct {
	mu sync.Mutex
	// changed is closed when orders may have changed, nil as long as nobody waits.
	changed chan struct{}
}

// poke makes those who wait for orders look again.
func (s *sleeps) poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// next is closed when orders may have changed.
func (s *sleeps) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// Orders implements admin.Sleeper.
func (s *Server) Orders(ctx context.Context, seen string, wait time.Duration) admin.Orders {
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		changed := s.sleeps.next()
		now, next := s.orders(time.Now(), wait)
		if now.Digest != seen {
			return now
		}
		again := time.NewTimer(next)
		select {
		case <-changed:
		case <-again.C:
		case <-late.C:
			again.Stop()
			return now
		case <-ctx.Done():
			again.Stop()
			return now
		}
		again.Stop()
	}
}

// orders are those of the current table, and the time until they may change by themselves.
func (s *Server) orders(now time.Time, most time.Duration) (admin.Orders, time.Duration) {
	told := admin.Orders{Orders: []admin.Order{}}
	for u, sleeper := range s.current.Load().sleepers {
		what, next := sleeper.order(now)
		if what != "" {
			told.Orders = append(told.Orders, admin.Order{Do: what, Project: u.project, Container: u.container})
		}
		if next > 0 {
			most = min(most, next)
		}
	}
	slices.SortFunc(told.Orders, func(a, b admin.Order) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Container, b.Container))
	})
	for _, o := range told.Orders {
		told.Digest += fmt.Sprintf("%s %q %q;", o.Do, o.Project, o.Container)
	}
	return told, most
}

// Report implements admin.Sleeper.
func (s *Server) Report(r admin.SleepReport) error {
	current := s.current.Load()
	u := unit{project: r.Project, container: r.Container}
	sleeper := current.sleepers[u]
	if sleeper == nil {
		return fmt.Errorf("%w: nothing of that name sleeps", admin.ErrNoRoute)
	}
	if !sleeper.tell(r.Phase, r.Reason, time.Now()) {
		return admin.ErrInUse
	}
	name := cmp.Or(r.Project, r.Container)
	switch r.Phase {
	case admin.PhaseSleep:
		s.log.Info("an app is put to sleep", "name", name)
	case admin.PhaseFailed:
		s.log.Warn("an app could not be woken", "name", name, "reason", r.Reason)
	}
	for _, serving := range current.serving {
		if serving.sleeper == sleeper {
			serving.outage.release()
		}
	}
	s.sleeps.poke()
	return nil
}
