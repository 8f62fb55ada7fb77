// Package tui shows the routes of a running gateway to people: as plain aligned text, and as a live screen. It knows
// how routes look and what a key does. It does not know where the gateway is, how it is reached, how a browser is
// started or how a project is restarted: it asks a Source, and calls what Options hold. Whatever it shows was written by others (labels, names,
// paths), so control characters never reach the terminal. A state is always told by its word, never by colour alone.
package tui

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"gateway/proxy/admin"
)

// Source is a running gateway. A call after a failed one connects again. *admin.Client is one.
type Source interface {
	Status(ctx context.Context) (admin.Status, error)
	Routes(ctx context.Context) (admin.Routes, error)
	Requests(ctx context.Context, key string) ([]admin.Request, error)
}

// Options are what Run needs of the world outside. The zero value works.
type Options struct {
	// Input and Output are the terminal; nil means stdin and stdout.
	Input  io.Reader
	Output io.Writer
	// Now is the clock; nil means time.Now. Times of day are shown in its location.
	Now func() time.Time
	// Open shows a URL in a browser and returns once it is known whether that worked; nil means that there is none.
	Open func(url string) error
	// Actions are what further keys do with a route.
	Actions Actions
	// Site is the name by which clients here reach a route of any host; empty means "localhost".
	Site string
}

// pollTimeout ends a question that the gateway does not answer.
const pollTimeout = 10 * time.Second

// Run draws the live list of routes until the user leaves it, which is no error, or ctx ends, which is its error. It
// asks the source every second, never twice at the same time, and goes on when an answer fails. It cancels the actions
// that are still under way and returns when they have ended.
func Run(ctx context.Context, source Source, opts Options) error {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	// What is under way when the user leaves ends with this context, and Run waits for all that actions do.
	live, leave := context.WithCancel(ctx)
	defer leave()
	var actions visit
	begin := func(do func(context.Context) tea.Msg) tea.Cmd {
		return func() tea.Msg {
			if !actions.enter() {
				return nil
			}
			defer actions.inside.Done()
			return do(live)
		}
	}
	ask := func(key string) answerMsg {
		ctx, cancel := context.WithTimeout(live, pollTimeout)
		defer cancel()
		return poll(ctx, source, key)
	}
	tick := func() tea.Msg {
		select {
		case <-live.Done():
			return nil
		case <-time.After(time.Second):
			return tickMsg{at: opts.Now()}
		}
	}
	program := []tea.ProgramOption{tea.WithContext(ctx), tea.WithoutSignalHandler()}
	if opts.Input != nil {
		program = append(program, tea.WithInput(opts.Input))
	}
	if opts.Output != nil {
		program = append(program, tea.WithOutput(opts.Output))
	}
	_, err := tea.NewProgram(newModel(ask, tick, begin, opts), program...).Run()
	leave()
	actions.end()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("drawing the routes: %w", err)
	}
	return nil
}

// visit counts those that are inside, and lets none in after its end.
type visit struct {
	mu     sync.Mutex // guards over
	over   bool
	inside sync.WaitGroup
}

// enter reports whether the caller is inside; then it says inside.Done when it leaves.
func (v *visit) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.over {
		v.inside.Add(1)
	}
	return !v.over
}

// end waits until nobody is inside.
func (v *visit) end() {
	v.mu.Lock()
	v.over = true
	v.mu.Unlock()
	v.inside.Wait()
}

// poll asks for all that the screen shows; key names the route whose last requests are shown, empty for none.
func poll(ctx context.Context, source Source, key string) answerMsg {
	answer := answerMsg{key: key}
	if answer.status, answer.err = source.Status(ctx); answer.err != nil {
		return answer
	}
	if answer.routes, answer.err = source.Routes(ctx); answer.err != nil {
		return answer
	}
	if key != "" {
		// A route that just left the table has no requests to show, and that is no lost connection.
		answer.requests, answer.requestsErr = source.Requests(ctx, key)
	}
	return answer
}
