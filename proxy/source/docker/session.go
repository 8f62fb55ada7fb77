package docker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"gateway/proxy/docker"
)

// The times of a session.
const (
	// settleQuiet is the silence that ends a burst of events, settleMost the longest wait for it.
	settleQuiet = 50 * time.Millisecond
	settleMost  = 200 * time.Millisecond
	resync      = 30 * time.Second
	// lagRetry is when to list again after a listing that did not show what an event announced, or need not have.
	lagRetry    = 500 * time.Millisecond
	callTimeout = 15 * time.Second
)

// session is one connection to the engine, from the opening of its event stream to its breaking.
type session struct {
	source *Source
	engine docker.Engine
	// pokes has one slot: a poke while one waits is the same poke.
	pokes        chan struct{}
	events       chan docker.Event
	observations chan *observation
	// last and listed belong to the loop until the session is over.
	last    *observation
	listed  bool
	updates updates
	// lagging is when the last event came that a listing may lag behind; zero when one was made well after it.
	lagging time.Time
}

func newSession(source *Source) *session {
	return &session{
		source: source, pokes: make(chan struct{}, 1), events: make(chan docker.Event, 64), observations: make(chan *observation),
	}
}

// Run watches until something fails; its error is never nil.
func (s *session) Run(ctx context.Context) error {
	engine, err := within(ctx, s.source.config.Engine.Engine)
	if err != nil {
		return err
	}
	s.engine = engine
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.stream(ctx) })
	group.Go(func() error { return s.observe(ctx) })
	group.Go(func() error { return s.loop(ctx) })
	return group.Wait()
}

// within bounds one call to the engine.
func within[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return call(ctx)
}

// stream passes events on to the loop.
func (s *session) stream(ctx context.Context) error {
	err := s.source.config.Engine.Events(ctx, func(e docker.Event) {
		select {
		case s.events <- e:
		case <-ctx.Done():
		}
	})
	if err == nil {
		return errors.New("the engine ended the event stream")
	}
	return err
}

func (s *session) poke() {
	select {
	case s.pokes <- struct{}{}:
	default:
	}
}

// loop owns the marks and the last observation, and never waits for the engine: a container that gets a signal to stop gets
// no new requests from then on, however long a listing takes.
func (s *session) loop(ctx context.Context) error {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-s.events:
			s.handle(e)
		case <-again:
			s.poke()
		case o := <-s.observations:
			s.last, s.listed, again = o, true, nil
			if s.source.marks.settle(o, time.Now()) || s.lags(o) {
				again = time.After(lagRetry)
			}
			s.publish()
			s.source.found(o)
		}
	}
}

// publish publishes the last observation with what is known since.
func (s *session) publish() {
	s.source.to.Publish(s.last.listing(s.source.config.Name, s.source.marks))
}

// updates are the containers whose settings changed since the last listing, by their full ids. They are safe for concurrent
// use.
type updates struct {
	mu  sync.Mutex
	ids []string
}

func (u *updates) add(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ids = append(u.ids, id)
}

// take returns all, once.
func (u *updates) take() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	ids := u.ids
	u.ids = nil
	return ids
}

// lags reports whether an observation may not show yet what events announced.
func (s *session) lags(o *observation) bool {
	if s.lagging.IsZero() {
		return false
	}
	if o.begun.Sub(s.lagging) >= lagRetry {
		s.lagging = time.Time{}
		return false
	}
	return true
}

// early reports whether an engine tells the event before it lists what it tells of (20.10: up to 100 ms). That of a start
// is told afterwards, and a death is marked.
func early(e docker.Event) bool {
	switch e.Action {
	case "pause", "unpause":
		return true
	case "connect", "disconnect":
		return e.Type == "network"
	}
	return false
}

// handle acts on one event. Most only say that everything is to be listed again.
func (s *session) handle(e docker.Event) {
	if e.Type == "stream" {
		// What happened to marked containers in the meantime nobody knows; the listing to come does.
		s.source.marks.endAll(time.Now())
	}
	if e.Type == "container" && s.source.marks.note(e, time.Now()) && s.last != nil && s.last.serves(e.ID) {
		s.publish()
	}
	if e.Action == "update" {
		s.updates.add(e.ID)
	}
	if early(e) {
		s.lagging = time.Now()
	}
	if e.Action != "kill" {
		s.poke()
	}
}

// observe lists everything after each poke, joins what has to be joined, and hands over what it saw.
func (s *session) observe(ctx context.Context) error {
	// What changed while nobody watched is not known.
	s.source.crashes = nil
	timer := time.NewTimer(callTimeout)
	defer timer.Stop()
	select {
	case <-s.pokes:
	case <-timer.C:
		return errors.New("the engine opened no event stream in time")
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		next, err := s.round(ctx)
		if err != nil {
			return err
		}
		timer.Reset(next)
		select {
		case <-s.pokes:
			err = s.settle(ctx)
		case <-timer.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// settle waits for a burst of events to end.
func (s *session) settle(ctx context.Context) error {
	end := time.NewTimer(settleMost)
	defer end.Stop()
	quiet := time.NewTimer(settleQuiet)
	defer quiet.Stop()
	for {
		select {
		case <-s.pokes:
			quiet.Reset(settleQuiet)
		case <-quiet.C:
			return nil
		case <-end.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// round makes one observation and returns when to make the next at the latest. Where networks are to be joined it hands
// over what it saw twice, so that nothing else waits for the joining.
func (s *session) round(ctx context.Context) (time.Duration, error) {
	l, err := s.list(ctx)
	if err != nil {
		return 0, err
	}
	o := newObservation(l, s.source.config.Join)
	network := s.source.network
	steps := network.plan(l, o, time.Now())
	o.links = network.links()
	if len(steps) == 0 {
		return min(resync, network.retryIn(time.Now())), s.deliver(ctx, o)
	}
	if err := s.deliver(ctx, o); err != nil {
		return 0, err
	}
	if !network.execute(ctx, steps) {
		s.poke()
	}
	after := *o
	after.links = network.links()
	return min(resync, network.retryIn(time.Now())), s.deliver(ctx, &after)
}

func (s *session) deliver(ctx context.Context, o *observation) error {
	select {
	case s.observations <- o:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// list asks for everything.
func (s *session) list(ctx context.Context) (*snapshot, error) {
	l := &snapshot{engine: s.engine, begun: time.Now()}
	updated := s.updates.take()
	var err error
	l.containers, err = within(ctx, func(ctx context.Context) ([]docker.Container, error) {
		return s.source.config.Engine.Containers(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("listing the engine: %w", err)
	}
	if l.networks, err = within(ctx, s.source.config.Engine.Networks); err != nil {
		return nil, fmt.Errorf("listing the engine: %w", err)
	}
	s.source.crashes.forget(updated)
	s.source.crashes = s.source.crashes.look(ctx, s.source.config.Engine, l)
	l.crashes = s.source.crashes
	return l, nil
}
