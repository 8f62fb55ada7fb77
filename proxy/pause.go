package proxy

import (
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"gateway/proxy/admin"
	"gateway/proxy/queue"
	"gateway/proxy/route"
)

const (
	// maxWaiting is how many requests of one paused route wait. Each keeps what a request under way does.
	maxWaiting = 1000
	// absentFor is how long a pause outlives its route: one that is deployed again comes back paused.
	absentFor = 24 * time.Hour
	// pauseLook is how long it may take until it is noticed that a route left the table or came back.
	pauseLook = time.Minute
)

// pause is a route that is paused. Requests hold on to it while the terms change.
type pause struct {
	key   route.Key
	line  *queue.Queue
	terms atomic.Pointer[terms]
}

// terms are how a route is paused. They are replaced whole.
type terms struct {
	Since   time.Time     `json:"since"`
	Until   time.Time     `json:"until,omitzero"`
	Message string        `json:"message,omitempty"`
	Wait    time.Duration `json:"wait"`
	// Absent is since when the table has no such route, zero as long as it has.
	Absent time.Time `json:"absent,omitzero"`
}

// savedPause is a pause as it is kept on disk.
type savedPause struct {
	route.Key
	terms
}

// pauses are the paused routes. They are no part of the table: they outlive it.
type pauses struct {
	// current is nil as long as no route is paused. What it points to is never changed.
	current atomic.Pointer[map[route.Key]*pause]
	// ending reports that the gateway ends, so that nobody waits any longer.
	ending atomic.Bool
	// changed wakes who ends pauses.
	changed chan struct{}

	log   *slog.Logger
	store store
	// table returns the current table, nil when there is none.
	table func() *route.Table

	// mu serialises those who replace current or terms, and guards what is below it.
	mu sync.Mutex
	// unkept reports that the current state could not be written to the store.
	unkept bool
}

// all are the paused routes.
func (s *pauses) all() map[route.Key]*pause {
	if all := s.current.Load(); all != nil {
		return *all
	}
	return nil
}

// put replaces the paused routes. The caller holds mu or is alone.
func (s *pauses) put(all map[route.Key]*pause) {
	if len(all) == 0 {
		s.current.Store(nil)
	} else {
		s.current.Store(&all)
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func newPause(key route.Key, t terms) *pause {
	p := &pause{key: key, line: queue.New(maxWaiting)}
	p.terms.Store(&t)
	return p
}

// over reports that a pause has ended by itself.
func (t *terms) over(now time.Time) bool { return !t.Until.IsZero() && !now.Before(t.Until) }

func (p *pause) describe() admin.Pause {
	t := p.terms.Load()
	return admin.Pause{Since: t.Since, Until: t.Until, Message: t.Message, Wait: t.Wait.Milliseconds(), Waiting: p.line.Len()}
}

// paused returns how a route is paused, nil when it is not. As long as no route is, it costs one atomic load.
func (s *pauses) paused(key route.Key, now time.Time) *pause {
	all := s.current.Load()
	if all == nil {
		return nil
	}
	p := (*all)[key]
	if p == nil || p.terms.Load().over(now) {
		return nil
	}
	return p
}

// Pause implements admin.Pauser.
func (s *pauses) Pause(key string, order admin.Pause) (admin.Pause, error) {
	parsed, err := route.ParseKey(key)
	if err != nil {
		return admin.Pause{}, fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	now := time.Now().UTC()
	asked, err := readPause(order, now)
	if err != nil {
		return admin.Pause{}, err
	}
	if table := s.table(); table == nil || table.Lookup(parsed) == nil {
		return admin.Pause{}, fmt.Errorf("%w: %s", admin.ErrNoRoute, parsed)
	}
	var told admin.Pause
	aside(func() { told = s.pause(parsed, asked, now) })
	return told, nil
}

// pause pauses a route. Who waits already stays in the line.
func (s *pauses) pause(key route.Key, asked terms, now time.Time) admin.Pause {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(now)
	all := maps.Clone(s.all())
	if all == nil {
		all = map[route.Key]*pause{}
	}
	if p := all[key]; p != nil {
		asked.Since = p.terms.Load().Since
		p.terms.Store(&asked)
	} else {
		all[key] = newPause(key, asked)
	}
	s.put(all)
	s.keep()
	facts := []any{"route", key.String(), "wait", asked.Wait}
	if !asked.Until.IsZero() {
		facts = append(facts, "until", asked.Until)
	}
	s.log.Info("a route is paused", facts...)
	return all[key].describe()
}

// readPause holds an order to its rules.
func readPause(order admin.Pause, now time.Time) (terms, error) {
	message, wait := strings.TrimSpace(order.Message), time.Duration(order.Wait)*time.Millisecond
	switch {
	case !utf8.ValidString(message) || strings.ContainsFunc(message, unicode.IsControl):
		return terms{}, fmt.Errorf("%w: the message %q is not one line of text", admin.ErrRefused, message)
	case utf8.RuneCountInString(message) > admin.MaxMessage:
		return terms{}, fmt.Errorf("%w: the message has %d characters; %d is the most", admin.ErrRefused, utf8.RuneCountInString(message), admin.MaxMessage)
	case order.Wait < 0 || order.Wait > admin.MaxWait.Milliseconds():
		return terms{}, fmt.Errorf("%w: requests cannot wait for %d ms; it is 0 to %d", admin.ErrRefused, order.Wait, admin.MaxWait.Milliseconds())
	case !order.Until.IsZero() && !order.Until.After(now):
		return terms{}, fmt.Errorf("%w: a pause until %s is over already", admin.ErrRefused, order.Until.Format(time.RFC3339))
	}
	return terms{Since: now, Until: order.Until.UTC(), Message: message, Wait: wait}, nil
}

// Resume implements admin.Pauser.
func (s *pauses) Resume(key, message string) (admin.Pause, error) {
	parsed, err := route.ParseKey(key)
	if err != nil {
		return admin.Pause{}, fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	var told admin.Pause
	var was bool
	aside(func() { told, was = s.resume(parsed, message, time.Now()) })
	if table := s.table(); !was && (table == nil || table.Lookup(parsed) == nil) {
		return admin.Pause{}, fmt.Errorf("%w: %s", admin.ErrNoRoute, parsed)
	}
	return told, nil
}

func (s *pauses) resume(key route.Key, message string, now time.Time) (admin.Pause, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(now)
	p := s.all()[key]
	if p == nil || message != "" && p.terms.Load().Message != message {
		return admin.Pause{}, false
	}
	told := p.describe()
	s.log.Info("a route is resumed", "route", key.String(), "waiting", told.Waiting)
	s.end(p)
	s.keep()
	return told, true
}

// end lets those who wait go on. The caller holds mu.
func (s *pauses) end(p *pause) {
	all := maps.Clone(s.all())
	delete(all, p.key)
	s.put(all)
	p.line.Release()
}
