package agent

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/backoff"
	"gateway/proxy/docker"
	"gateway/proxy/label"
)

const (
	// orderWait is how long a call for orders waits for another than it has seen.
	orderWait = 20 * time.Second
	// mostAtOnce is how many projects are stopped or started at the same time.
	mostAtOnce = 8
	// wakeTimeout is how long a project may take to start, and healthTimeout how long one of its containers may take to
	// become healthy on which others depend.
	wakeTimeout   = 5 * time.Minute
	healthTimeout = 2 * time.Minute
	healthPoll    = 200 * time.Millisecond
)

// Sleeping is what puts containers to sleep and wakes them; *docker.Client is one.
type Sleeping interface {
	Containers(ctx context.Context, labels ...string) ([]docker.Container, error)
	Container(ctx context.Context, nameOrID string) (docker.Container, error)
	Start(ctx context.Context, nameOrID string) error
	Sleep(ctx context.Context, nameOrID string) error
}

// Orders is what says which projects are to sleep and to wake; *admin.Client is one. A call may wait, so it needs a client
// of its own.
type Orders interface {
	Orders(ctx context.Context, source, seen string, wait time.Duration) (admin.Orders, error)
	Report(ctx context.Context, r admin.SleepReport) error
}

// sleeper carries out the orders of the proxy, those of one project one after the other.
type sleeper struct {
	// source is the name of what lists the projects.
	source string
	engine Sleeping
	proxy  Orders
	log    *slog.Logger

	mu sync.Mutex
	// busy are the projects and containers at work, by admin.Order without Do.
	busy map[admin.Order]bool
}

// Run carries out orders until ctx ends, and returns nil.
func (s *sleeper) Run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	room := make(chan struct{}, mostAtOnce)
	seen, retry := "", backoff.Delay{Least: firstRetry, Most: lastRetry}
	for ctx.Err() == nil {
		orders, err := s.ask(ctx, seen, orderWait)
		if err != nil {
			// The pusher tells people that the proxy is away.
			seen = ""
			retry.Wait(ctx)
			continue
		}
		seen = orders.Digest
		retry.Reset()
		for _, o := range orders.Orders {
			if !s.take(o) {
				continue
			}
			work.Go(func() {
				defer s.done(o)
				select {
				case room <- struct{}{}:
					defer func() { <-room }()
					s.serve(ctx, o)
				case <-ctx.Done():
				}
			})
		}
	}
	return nil
}

// ask asks for orders.
func (s *sleeper) ask(ctx context.Context, seen string, wait time.Duration) (admin.Orders, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+pushTimeout)
	defer cancel()
	return s.proxy.Orders(ctx, s.source, seen, wait)
}

// pause waits, or returns when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// whose is what an order is about.
func whose(o admin.Order) admin.Order { return admin.Order{Project: o.Project, Container: o.Container} }

// take reports whether nothing is under way for what the order is about, and notes that it is from now on.
func (s *sleeper) take(o admin.Order) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[whose(o)] {
		return false
	}
	s.busy[whose(o)] = true
	return true
}

func (s *sleeper) done(o admin.Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, whose(o))
}

// serve carries out an order, and then the opposite one if that came meanwhile. The same order again is left to Run, which
// asks for it at intervals.
func (s *sleeper) serve(ctx context.Context, o admin.Order) {
	for {
		var err error
		if o.Do == admin.Wake {
			err = s.wake(ctx, o)
		} else {
			err = s.sleep(ctx, o)
		}
		if err != nil {
			// It is an order still, which the next call brings.
			s.log.Debug("an order was not carried out", "do", o.Do, "name", cmp.Or(o.Project, o.Container), "error", err)
			return
		}
		orders, err := s.ask(ctx, "", 0)
		if err != nil {
			return
		}
		again := false
		for _, next := range orders.Orders {
			if whose(next) == whose(o) && next.Do != o.Do {
				o, again = next, true
				break
			}
		}
		if !again {
			return
		}
	}
}

// report says how an order went.
func (s *sleeper) report(ctx context.Context, o admin.Order, phase string, reason error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pushTimeout)
	defer cancel()
	return s.proxy.Report(ctx, admin.SleepReport{Source: s.source, Project: o.Project, Container: o.Container, Phase: phase, Reason: text(reason)})
}

// errDeployed says that a project is being deployed.
var errDeployed = errors.New("it is being deployed")

// sleep stops a project, unless it is in use. An error says that the order is not done with.
func (s *sleeper) sleep(ctx context.Context, o admin.Order) error {
	all, err := s.members(ctx, o)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(c docker.Container) bool { return strings.HasSuffix(c.Name, label.Next) }) {
		return errDeployed
	}
	if err := s.report(ctx, o, admin.PhaseSleep, nil); err != nil {
		return err
	}
	name := cmp.Or(o.Project, o.Container)
	ordered := ordered(all)
	for i, c := range slices.Backward(ordered) {
		if c.State != "running" && c.State != "restarting" {
			continue
		}
		if err := s.engine.Sleep(ctx, c.ID); err != nil && !errors.Is(err, docker.ErrNotFound) {
			if ctx.Err() != nil {
				return err
			}
			s.log.Warn("an app cannot be put to sleep", "name", name, "container", c.Name, "error", err)
			if err := s.start(ctx, ordered[i+1:]); err != nil {
				s.log.Warn("an app that cannot be put to sleep did not start again", "name", name, "error", err)
			}
			return s.report(ctx, o, admin.PhaseKept, nil)
		}
	}
	s.log.Info("an app is asleep", "name", name)
	return s.report(ctx, o, admin.PhaseAsleep, nil)
}

// wake starts what was put to sleep of a project, what others depend on first. An error says that the order is not done
// with.
func (s *sleeper) wake(ctx context.Context, o admin.Order) error {
	ctx, cancel := context.WithTimeout(ctx, wakeTimeout)
	defer cancel()
	begun, name := time.Now(), cmp.Or(o.Project, o.Container)
	all, err := s.members(ctx, o)
	if errors.Is(err, docker.ErrUnreachable) {
		return err
	}
	if err == nil {
		err = s.start(ctx, ordered(all))
	}
	if ctx.Err() != nil && err != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	if err != nil {
		s.log.Warn("an app cannot be woken", "name", name, "error", err)
		return s.report(ctx, o, admin.PhaseFailed, err)
	}
	s.log.Info("an app was started", "name", name, "took", time.Since(begun))
	return s.report(ctx, o, admin.PhaseStarted, nil)
}
