package proxy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/live"
)

// Orders implements admin.Sleeper.
func (s *Server) Orders(ctx context.Context, source, seen string, wait time.Duration) admin.Orders {
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		changed := s.orders.Next()
		now, next := s.ordersNow(source, time.Now(), wait)
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

// ordersNow are those of a source in the current table, and the time until they may change by themselves.
func (s *Server) ordersNow(source string, now time.Time, most time.Duration) (admin.Orders, time.Duration) {
	due := admin.Orders{Orders: []admin.Order{}}
	for u, sleeper := range s.current.Load().Sleepers() {
		if u.Source != source {
			continue
		}
		what, next := sleeper.Order(now)
		if what != "" {
			due.Orders = append(due.Orders, admin.Order{Do: what, Project: u.Project, Container: u.Container})
		}
		if next > 0 {
			most = min(most, next)
		}
	}
	slices.SortFunc(due.Orders, func(a, b admin.Order) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Container, b.Container))
	})
	for _, o := range due.Orders {
		due.Digest += fmt.Sprintf("%s %q %q;", o.Do, o.Project, o.Container)
	}
	return due, most
}

// Report implements admin.Sleeper.
func (s *Server) Report(r admin.SleepReport) error {
	current := s.current.Load()
	sleeper := current.Sleepers()[live.Unit{Source: r.Source, Project: r.Project, Container: r.Container}]
	if sleeper == nil {
		return fmt.Errorf("%w: nothing of that name sleeps", admin.ErrNoRoute)
	}
	if !sleeper.Report(r.Phase, r.Reason, time.Now()) {
		return admin.ErrInUse
	}
	name := cmp.Or(r.Project, r.Container)
	switch r.Phase {
	case admin.PhaseSleep:
		s.log.Info("an app is put to sleep", "name", name)
	case admin.PhaseFailed:
		s.log.Warn("an app could not be woken", "name", name, "reason", r.Reason)
	}
	for _, r := range current.Routes() {
		if r.Sleeper == sleeper {
			r.Outage.Release()
		}
	}
	s.orders.Poke()
	return nil
}
