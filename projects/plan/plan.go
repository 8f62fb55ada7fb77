// Package plan carries out a change to a project: steps in their order, each with what takes it back, and a journal on
// disk from which a later process repairs what a crash interrupted. It decides nothing and does not know what a project
// is: whoever makes a plan has looked and has chosen already.
//
// A change ends in one of two states. Before its last step succeeded it is undone, by the process itself or from the
// journal; from then on it is final, and only what it left to clean up is done again.
package plan

import (
	"context"
	"errors"
	"fmt"
)

// Plan is a change to a project that was decided on, for people and for Apply.
type Plan struct {
	// Verb is the command that makes the change, such as "deploy"; it names the change in the journal.
	Verb string
	// Steps are carried out in their order. When one fails, those that began are undone in reverse.
	Steps []Step
	// Cleanup is what remains to be done when the change is final, such as removing what it replaced. An action that fails
	// is reported and undoes nothing.
	Cleanup []Action
}

// Step is one step of a change.
type Step struct {
	// Text says what the step does, as people read it in a dry run: "write compose.yaml (1.2 KiB)". A step without a text is
	// not shown.
	Text string
	// Do carries the step out. What it leaves half done when it fails or crashes is taken back by Undo.
	Do func(ctx context.Context) error
	// Undo takes the step back, its actions in this order. It also applies to a step that did not begin, so that each action
	// leaves alone what it does not find.
	Undo []Action
	// Resume comes after the undoing of all steps when this one began, such as starting what ran before: it needs the files
	// back that earlier steps changed.
	Resume []Action
}

// Texts are the texts of the steps that are shown.
func (p Plan) Texts() []string {
	texts := []string{}
	for _, step := range p.Steps {
		if step.Text != "" {
			texts = append(texts, step.Text)
		}
	}
	return texts
}

// Runner carries out plans.
type Runner struct {
	// Journal is the path of the journal, in a folder that exists. One project has one journal, and whoever runs a plan or
	// recovers holds the project's lock.
	Journal string
	// Act carries out the actions that are not about files, such as starting what runs; nil when there are none. Its errors
	// say what it did.
	Act func(ctx context.Context, a Action) error
	// Keep reports whether a change that a crash interrupted is as good as made, and better kept than undone; nil undoes all.
	// It is not asked when undoing had begun.
	Keep func(ctx context.Context, verb string) bool
	// Cleanup returns the context in which a failed change is undone: not cancelled with ctx, and bounded in time. Nil stands
	// for context.WithoutCancel.
	Cleanup func(ctx context.Context) (context.Context, context.CancelFunc)
}

// UndoError says that a change failed and could not be undone completely.
type UndoError struct {
	// Cause is why the change failed, nil when an earlier process was interrupted.
	Cause error
	// Err is what could not be undone, and why.
	Err error
	// Again reports that the journal is kept, and the next Recover tries again. Else all steps were undone, and what ran
	// before could not be resumed.
	Again bool
}

// Error names both, the cause first.
func (e *UndoError) Error() string {
	if e.Cause == nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v; and undoing it: %v", e.Cause, e.Err)
}

// Unwrap returns both.
func (e *UndoError) Unwrap() []error { return []error{e.Cause, e.Err} }

// CleanupError says that a change was made and that what it replaced could not be removed.
type CleanupError struct{ Err error }

// Error says what remains.
func (e *CleanupError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *CleanupError) Unwrap() error { return e.Err }

// Run carries out a plan. When a step fails, or ctx ends between two steps, the plan is undone and the error is that of
// the step; it is an *UndoError when undoing failed too. A *CleanupError means that the change was made.
func (r Runner) Run(ctx context.Context, p Plan) error {
	journal, err := begin(r.Journal, p)
	if err != nil {
		return err
	}
	crash := crashes(ctx)
	for i, step := range p.Steps {
		err := ctx.Err()
		if err == nil {
			err = journal.started(step)
		}
		if err == nil {
			err = crash.at(fmt.Sprintf("%s: before step %d %s", p.Verb, i+1, step.Text))
		}
		if err == nil && step.Do != nil {
			err = step.Do(ctx)
		}
		if err == nil {
			err = crash.at(fmt.Sprintf("%s: after step %d %s", p.Verb, i+1, step.Text))
		}
		if errors.Is(err, ErrCrash) {
			return errors.Join(err, journal.close())
		}
		if err != nil {
			return r.undo(ctx, journal, err)
		}
	}
	if err := journal.final(); err != nil {
		return r.undo(ctx, journal, err)
	}
	if err := crash.at(p.Verb + ": final"); err != nil {
		return errors.Join(err, journal.close())
	}
	return r.finish(ctx, journal)
}

// undo takes back what the journal has, for a cause.
func (r Runner) undo(ctx context.Context, journal *journal, cause error) error {
	ctx, cancel := r.cleanup(ctx)
	defer cancel()
	crash := crashes(ctx)
	if err := journal.undoes(); err != nil {
		return errors.Join(&UndoError{Cause: cause, Err: err, Again: true}, journal.close())
	}
	var failed error
	for i, a := range journal.undo() {
		if i < journal.undone {
			continue
		}
		err := crash.at(fmt.Sprintf("undo %d: %s", i+1, a.Kind))
		if err == nil {
			err = r.act(ctx, a)
		}
		if errors.Is(err, ErrCrash) {
			return errors.Join(err, journal.close())
		}
		if err != nil && i >= len(journal.began) {
			// All is as it was, but that it does not run: that need not succeed at the next try either.
			failed, err = errors.Join(failed, err), nil
		}
		if err == nil {
			err = journal.took(i + 1)
		}
		if err != nil {
			return errors.Join(&UndoError{Cause: cause, Err: err, Again: true}, journal.close())
		}
	}
	if failed != nil {
		cause = &UndoError{Cause: cause, Err: failed}
	}
	return errors.Join(cause, journal.remove())
}

// finish does what remains of a change that is final.
func (r Runner) finish(ctx context.Context, journal *journal) error {
	ctx, cancel := r.cleanup(ctx)
	defer cancel()
	crash := crashes(ctx)
	var failed error
	for i, a := range journal.header.Cleanup {
		if err := crash.at(fmt.Sprintf("cleanup %d: %s", i+1, a.Kind)); err != nil {
			return errors.Join(err, journal.close())
		}
		err := r.act(ctx, a)
		if errors.Is(err, ErrCrash) {
			return errors.Join(err, journal.close())
		}
		failed = errors.Join(failed, err)
	}
	if err := errors.Join(failed, journal.remove()); err != nil {
		return &CleanupError{err}
	}
	return nil
}

func (r Runner) cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.Cleanup == nil {
		return context.WithoutCancel(ctx), func() {}
	}
	return r.Cleanup(ctx)
}

// Recover ends the change that an earlier process left unfinished, when there is one: undoes it, or cleans up after it
// when it was final. It returns the verb of that change, empty for none.
func (r Runner) Recover(ctx context.Context) (verb string, err error) {
	journal, err := open(r.Journal)
	if err != nil || journal == nil {
		return "", err
	}
	if journal.done || !journal.undoing && r.Keep != nil && r.Keep(ctx, journal.header.Verb) {
		return journal.header.Verb, r.finish(ctx, journal)
	}
	return journal.header.Verb, r.undo(ctx, journal, nil)
}

// ErrCrash is what a hook returns to end a change as a crash would: at once, with nothing undone and the journal kept.
var ErrCrash = errors.New("crash")

// hook is called at each point where a process could die; nil in all but tests.
type hook func(point string) error

type hookKey struct{}

// WithHook makes changes that are run with the returned context call at between their steps. It is for tests: at returns
// ErrCrash to end the change there as a crash would, or another error to fail the step.
func WithHook(ctx context.Context, at func(point string) error) context.Context {
	return context.WithValue(ctx, hookKey{}, hook(at))
}

// Point is called within a step at a point where the process could die. It returns nil in all but tests.
func Point(ctx context.Context, name string) error { return crashes(ctx).at(name) }

func crashes(ctx context.Context) hook {
	at, _ := ctx.Value(hookKey{}).(hook)
	return at
}

func (h hook) at(point string) error {
	if h == nil {
		return nil
	}
	return h(point)
}
