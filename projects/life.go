package projects

import (
	"context"
	"fmt"
	"time"

	"gateway/projects/compose"
	"gateway/projects/subnet"
	"gateway/proxy/route"
)

// Life makes, changes and removes projects.
type Life struct {
	Store   Store
	Engine  Engine
	Compose Composer
	Gateway Traffic
	// Ready returns when all the project's keys are served, or with the reason why they are not.
	Ready func(ctx context.Context, name Name, keys []route.Key) error
	// Planned is told of a change before it is made; its error ends it with nothing done. Nil agrees.
	Planned func(c *Change) error
	// Emit is told what happens to containers; nil tells nobody.
	Emit func(e compose.Event)
	// Note tells people of what was done beside the change; nil tells nobody.
	Note func(text string)
	// Remote is the engine's address when it is on another machine, which sees none of the folders here.
	Remote string
	// HostRoutes are the routes of this machine, when the engine is on it; nil when it is not.
	HostRoutes func() ([]subnet.Use, error)
}

// cleanupTimeout bounds what is done after a failure or an interrupt, beside what containers take to end and to start.
const cleanupTimeout = time.Minute

// afterwards is the time to clean up in, after a failure or an interrupt, with what the project's containers may take to
// end and to start again.
func (l Life) afterwards(ctx context.Context, name Name) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	look, cancel := context.WithTimeout(ctx, cleanupTimeout)
	defer cancel()
	patience := cleanupTimeout
	if times, err := l.Engine.Times(look, ComposeLabel(name)); err == nil {
		patience += times.Stop + times.Start
	}
	if running, err := Look(look, l.Engine, name); err == nil && len(running.replaced()) > 0 {
		patience += running.drain()
	}
	return context.WithTimeout(ctx, patience)
}

// Failure is an error of a change that began, with what containers wrote.
type Failure struct {
	Err error
	// Logs are lines for people, empty when there was no container.
	Logs string
	// Undone says what is true now that the change was undone, empty when it was not.
	Undone string
	// Served says that what ran before never stopped.
	Served bool
}

// Error is the reason alone.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the reason.
func (f *Failure) Unwrap() error { return f.Err }

// Leftover is what cleaning up after a failure or an interrupt could not undo: something was left, and Err says what,
// why and how to fix it. It is wrapped beside the error that the cleaning up was for.
type Leftover struct{ Err error }

// Error is what was left, in words.
func (l *Leftover) Error() string { return l.Err.Error() }

// Unwrap returns the reason.
func (l *Leftover) Unwrap() error { return l.Err }

// left puts what cleaning up came to beside its cause.
func left(cause error, format string, args ...any) error {
	return fmt.Errorf("%w; and %w", cause, &Leftover{fmt.Errorf(format, args...)})
}

// settle removes what still comes up: the engine finishes what it was asked for although nobody waits for the answer
// any more. It returns when nothing came for a while.
func settle(ctx context.Context, l Life, name Name) error {
	for quiet := time.Now(); time.Since(quiet) < settleTime; time.Sleep(settlePoll) {
		running, err := Look(ctx, l.Engine, name)
		if err != nil {
			return err
		}
		if running.empty() {
			continue
		}
		if err := teardown(ctx, l.Engine, l.Compose, name); err != nil {
			return err
		}
		quiet = time.Now()
	}
	return nil
}

// steadily starts what ran before, again when something of it stops meanwhile: an engine that was asked to stop a container
// does so although nobody waits for the answer any more.
func steadily(ctx context.Context, l Life, name Name, start func() error) error {
	for try := 1; ; try++ {
		err := start()
		if try == 3 || ctx.Err() != nil || err == nil && steady(ctx, l, name) {
			return err
		}
	}
}

// steady reports whether all that runs of a project goes on running for a while.
func steady(ctx context.Context, l Life, name Name) bool {
	before := 0
	for begun := time.Now(); time.Since(begun) < settleTime; time.Sleep(settlePoll) {
		running, err := Look(ctx, l.Engine, name)
		if err != nil {
			return true // Whoever asks next says so.
		}
		now := running.up()
		if now < before {
			return false
		}
		before = now
	}
	return true
}

// settleTime is how long an engine may take for a call that was abandoned; tests have a fast engine.
var settleTime = 2 * time.Second

// settlePoll is how often it is looked at meanwhile.
const settlePoll = 100 * time.Millisecond
