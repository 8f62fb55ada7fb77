package live

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
	// AbsentFor is how long a pause outlives its route: a route that is deployed again within is still paused.
	AbsentFor = 24 * time.Hour
	// pauseLook is how often Run looks whether paused routes left the table or came back.
	pauseLook = time.Minute
)

// Pause is a paused route. It stays the same while its terms change.
type Pause struct {
	key   route.Key
	queue *queue.Queue
	terms atomic.Pointer[terms]
}

// terms are the settings of a pause. They are replaced whole.
type terms struct {
	Since   time.Time     `json:"since"`
	Until   time.Time     `json:"until,omitzero"`
	Message string        `json:"message,omitempty"`
	Wait    time.Duration `json:"wait"`
	// Absent is when the route left the table, zero as long as the table has it.
	Absent time.Time `json:"absent,omitzero"`
}

// savedPause is a pause on disk.
type savedPause struct {
	route.Key
	terms
}

// Pauses are the paused routes. They outlive each State. All methods are safe for concurrent use.
type Pauses struct {
	// current is nil as long as no route is paused. Its map is immutable.
	current atomic.Pointer[map[route.Key]*Pause]
	// ending reports that the gateway ends, so that requests wait no longer.
	ending atomic.Bool
	// changed wakes Run.
	changed chan struct{}

	log   *slog.Logger
	store Store
	// table returns the current table, nil when there is none.
	table func() *route.Table

	// mu serialises changes of current and terms, and guards unkept.
	mu sync.Mutex
	// unkept reports that the last write to the store failed.
	unkept bool
}

// NewPauses returns pauses that are kept in the store; there are none until Restore. The function returns the current table,
// nil when there is none.
func NewPauses(log *slog.Logger, store Store, table func() *route.Table) *Pauses {
	return &Pauses{changed: make(chan struct{}, 1), log: log, store: store, table: table}
}

// all are the paused routes.
func (s *Pauses) all() map[route.Key]*Pause {
	if all := s.current.Load(); all != nil {
		return *all
	}
	return nil
}

// Len is the number of paused routes.
func (s *Pauses) Len() int { return len(s.all()) }

// put replaces the paused routes. The caller holds mu or is alone.
func (s *Pauses) put(all map[route.Key]*Pause) {
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

func newPause(key route.Key, t terms) *Pause {
	p := &Pause{key: key, queue: queue.New(MaxWaiting)}
	p.terms.Store(&t)
	return p
}

// over reports that the time of a pause is over.
func (t *terms) over(now time.Time) bool { return !t.Until.IsZero() && !now.Before(t.Until) }

// Patience is how long requests wait.
func (p *Pause) Patience() time.Duration { return p.terms.Load().Wait }

// Message is for requests that time out in the queue, empty for that of the gateway.
func (p *Pause) Message() string { return p.terms.Load().Message }

// Join takes a place among the requests that wait, or returns nil when too many do.
func (p *Pause) Join() *queue.Place {
	place, _ := p.queue.Join()
	return place
}

// Waiting is the number of requests that wait.
func (p *Pause) Waiting() int { return p.queue.Len() }

// Describe is the pause as the admin API shows it.
func (p *Pause) Describe() admin.Pause {
	t := p.terms.Load()
	return admin.Pause{Since: t.Since, Until: t.Until, Message: t.Message, Wait: t.Wait.Milliseconds(), Waiting: p.queue.Len()}
}

// Of returns the pause of a route, nil when it is not paused. As long as no route is paused, it costs one atomic load.
func (s *Pauses) Of(key route.Key, now time.Time) *Pause {
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
func (s *Pauses) Pause(key string, order admin.Pause) (admin.Pause, error) {
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
	return s.pause(parsed, asked, now), nil
}

// pause pauses a route, or changes the terms of its pause. Requests that wait stay in the queue.
func (s *Pauses) pause(key route.Key, asked terms, now time.Time) admin.Pause {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(now)
	all := maps.Clone(s.all())
	if all == nil {
		all = map[route.Key]*Pause{}
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
	return all[key].Describe()
}

// readPause validates an order.
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
func (s *Pauses) Resume(key, message string) (admin.Pause, error) {
	parsed, err := route.ParseKey(key)
	if err != nil {
		return admin.Pause{}, fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	resumed, was := s.resume(parsed, message, time.Now())
	if table := s.table(); !was && (table == nil || table.Lookup(parsed) == nil) {
		return admin.Pause{}, fmt.Errorf("%w: %s", admin.ErrNoRoute, parsed)
	}
	return resumed, nil
}

func (s *Pauses) resume(key route.Key, message string, now time.Time) (admin.Pause, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(now)
	p := s.all()[key]
	if p == nil || message != "" && p.terms.Load().Message != message {
		return admin.Pause{}, false
	}
	was := p.Describe()
	s.log.Info("a route is resumed", "route", key.String(), "waiting", was.Waiting)
	s.end(p)
	s.keep()
	return was, true
}

// end ends a pause: requests that wait go on. The caller holds mu.
func (s *Pauses) end(p *Pause) {
	all := maps.Clone(s.all())
	delete(all, p.key)
	s.put(all)
	p.queue.Release()
}
