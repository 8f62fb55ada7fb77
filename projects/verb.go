package projects

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gateway/projects/plan"
	"gateway/projects/release"
	"gateway/proxy/docker"
	"gateway/proxy/route"
)

// Verb is a change to one project that somebody asked for.
type Verb interface {
	// Project is the project to change.
	Project() Name
	// Plan decides. It runs under the project's lock, after the repair of an interrupted change, and changes nothing but
	// folders of Observed.Scratch. The error is a Refusal with every reason, where there can be several.
	Plan(ctx context.Context, o *Observed) (*Change, error)
}

// Change is what a verb decided: the steps, and what there is to say about them.
type Change struct {
	plan.Plan
	// Project is the project as it will be; one that goes has a name alone.
	Project Project
	// Notes are for people, to be told before the change is made.
	Notes []string
	// Files are the differences of the files that are served; nil for a change of nothing of that kind.
	Files *release.Changes
	// Release is the current one, as it will be, and From the one before; their numbers are 0 for none. Made says that it was
	// not current yet, Gone are the numbers of those that go, and Replaced the services whose containers are replaced for
	// what they have mounted.
	Release, From release.Release
	Made          bool
	Gone          []int
	Replaced      []string
	// Secrets are the secrets that the users of the project need.
	Secrets []Secret
	// Images are the images that services get, for an update.
	Images []ImageUpdate
	// Keys are the routes that answer afterwards.
	Keys []route.Key
	// Runs says that the project runs, and that the change reaches its containers.
	Runs bool
	// Archived is the archive that a backup wrote.
	Archived *Archived
	// Undone says what is true after the change failed and was undone, such as "the version before runs again".
	Undone string
	// Fix is the command that helps when undoing fails too.
	Fix string
	// Then comes last and is not undone when it fails, nil for nothing. Said is what it wrote.
	Then func(ctx context.Context) error
	Said string
}

// Do makes a change: it locks the project, repairs what an earlier process left half done, plans, and carries the plan
// out. What fails or is interrupted is undone; then the error is a *Failure, which says what is true now, and wraps a
// *Leftover when undoing failed. The change is returned also with an error, as far as it was planned.
func (l Life) Do(ctx context.Context, v Verb) (*Change, error) {
	c, unlock, err := l.plan(ctx, v)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if l.Planned != nil {
		if err := l.Planned(c); err != nil {
			return c, err
		}
	}
	return c, l.apply(ctx, c)
}

// DryRun decides as Do would, and changes nothing but to repair what an earlier process left half done.
func (l Life) DryRun(ctx context.Context, v Verb) (*Change, error) {
	c, unlock, err := l.plan(ctx, v)
	if err != nil {
		return nil, err
	}
	unlock()
	return c, nil
}

// plan locks the project and decides. The returned function removes what the plan needed alone, and unlocks.
func (l Life) plan(ctx context.Context, v Verb) (*Change, func(), error) {
	name := v.Project()
	unlock, err := l.Store.Lock(ctx, name)
	if err != nil && !errors.Is(err, ErrBusy) && ctx.Err() == nil {
		_, engine := Look(ctx, l.Engine, name)
		return nil, nil, refuse(engine, err)
	}
	if err != nil {
		return nil, nil, err
	}
	o := &Observed{life: l, Name: name}
	end := func() {
		o.close()
		unlock()
	}
	if o.Repaired, err = l.repair(ctx, name); err != nil {
		end()
		return nil, nil, err
	}
	c, err := v.Plan(ctx, o)
	if err != nil {
		end()
		return nil, nil, err
	}
	c.Project.Name = name
	return c, end, nil
}

// apply carries a plan out, and says what is true now when that fails.
func (l Life) apply(ctx context.Context, c *Change) error {
	name := c.Project.Name
	err := l.runner(name, func() bool { return ctx.Err() != nil }).Run(ctx, c.Plan)
	if err == nil && c.Then != nil {
		return c.Then(ctx)
	}
	if err == nil || errors.Is(err, plan.ErrCrash) {
		return err
	}
	if cleanup, is := errors.AsType[*plan.CleanupError](err); is {
		return fmt.Errorf("%s of project %s is done, and what it replaced is left: %w", c.Verb, name, cleanup.Err)
	}
	failed, half := errors.AsType[*plan.UndoError](err)
	if half {
		err = failed.Cause
	}
	failure, known := errors.AsType[*Failure](err)
	if !known {
		failure = &Failure{Err: err}
	}
	if !half {
		failure.Undone = c.Undone
		if failure.Served {
			failure.Undone = strings.TrimPrefix(c.Undone+"; its containers never stopped and serve all requests", "; ")
		}
		return failure
	}
	failure.Err = left(failure.Err, "%w; fix it with: %s", failed.Err, c.Fix)
	return failure
}

// repair ends the change of a project that an earlier process left half done, and removes its scratch folders. It returns
// the verb of that change. The caller holds the project's lock.
func (l Life) repair(ctx context.Context, name Name) (verb string, err error) {
	verb, err = l.runner(name, func() bool { return true }).Recover(ctx)
	if cleanup, is := errors.AsType[*plan.CleanupError](err); is {
		l.note(fmt.Sprintf("of an interrupted %s of project %s this is left: %v", verb, name, cleanup))
		err = nil
	}
	if undo, is := errors.AsType[*plan.UndoError](err); is && !undo.Again {
		l.note(fmt.Sprintf("%v; fix it with: gateway deploy %s", undo, name))
		err = nil
	}
	if err != nil {
		return verb, fmt.Errorf("undoing an interrupted %s of project %s: %w", verb, name, err)
	}
	if verb != "" {
		l.note(fmt.Sprintf("repaired project %s first: an earlier %s of it was interrupted", name, verb))
	}
	return verb, l.Store.tidy(name)
}

func (l Life) note(text string) {
	if l.Note != nil {
		l.Note(text)
	}
}

// runner carries out the plans of a project. Interrupted reports whether calls to the engine may still be under way that
// nobody waits for.
func (l Life) runner(name Name, interrupted func() bool) plan.Runner {
	return plan.Runner{
		Journal: filepath.Join(l.Store.root, locks, string(name)+".journal"),
		Act:     func(ctx context.Context, a plan.Action) error { return l.act(ctx, name, a, interrupted()) },
		Keep:    func(ctx context.Context, verb string) bool { return verb == "add" && l.lives(ctx, name) },
		Cleanup: func(ctx context.Context) (context.Context, context.CancelFunc) { return l.afterwards(ctx, name) },
	}
}

// lives reports whether all of a project runs. When that is so after a crash of who made it, people may have worked with
// it since: it is not taken down again.
func (l Life) lives(ctx context.Context, name Name) bool {
	running, err := Look(ctx, l.Engine, name)
	return err == nil && running.runs() && !slices.ContainsFunc(running.Containers, func(c docker.Container) bool {
		return c.State != "running" && !strings.HasPrefix(c.Status, "Exited (0)")
	})
}
