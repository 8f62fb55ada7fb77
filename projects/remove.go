package projects

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"gateway/projects/plan"
)

// Remove removes a project with all that the engine has of it, and its folder. Either half may be missing; without a
// folder only what was made for the gateway from that folder is removed. What was removed of what runs does not come back
// when it fails: the folder is kept until all else is gone, and it can be done again. The error of the plan wraps
// ErrNoProject when there is neither.
type Remove struct{ Name Name }

// Project is the one to remove.
func (r Remove) Project() Name { return r.Name }

// Plan decides whether the project may be removed and says what goes.
func (r Remove) Plan(ctx context.Context, o *Observed) (*Change, error) {
	found, err := r.check(ctx, o)
	if err != nil {
		return nil, err
	}
	l := o.life
	c := &Change{Plan: plan.Plan{Verb: "rm"}, Fix: "gateway rm " + string(r.Name), Undone: "the folder of the project was kept; run the command again"}
	if found.done {
		return c, nil
	}
	// Nothing brings volumes back, so that nothing undoes it.
	c.Steps = append([]plan.Step{{Do: func(ctx context.Context) error {
		if err := teardown(ctx, l.Engine, l.Compose, r.Name); err != nil {
			return fmt.Errorf("removing project %s: %w", r.Name, err)
		}
		return nil
	}}}, found.removals()...)
	if found.exists {
		steps, cleanup := r.discards(l.Store)
		c.Steps, c.Cleanup = append(c.Steps, steps...), cleanup
	}
	return c, nil
}

// removable is a project that may be removed: what the engine has of it, and whether it has a folder. Done says that the
// repair of an interrupted removal has removed it.
type removable struct {
	running Running
	volumes []string
	exists  bool
	done    bool
}

// check decides whether the project may be removed.
func (r Remove) check(ctx context.Context, o *Observed) (removable, error) {
	var found removable
	running, err := o.ours(ctx)
	if err != nil {
		return found, err
	}
	store, dir := o.life.Store, o.life.Store.Dir(r.Name)
	found.running, found.exists = running, store.Exists(r.Name)
	switch {
	case found.exists:
		if _, err := store.Load(r.Name); isRenamed(err) {
			return found, err
		}
		if err := store.apart(r.Name); err != nil {
			return found, err
		}
	case running.empty() && o.Repaired != "":
		found.done = true
		return found, nil
	case running.empty():
		return found, fmt.Errorf("%w: %s; 'gateway ls' lists the projects", ErrNoProject, r.Name)
	case !running.ours():
		return found, fmt.Errorf("%w: %s has no folder %s, and its containers carry no label of the gateway; see them with: docker ps --filter label=%s=%s", ErrNoProject, r.Name, dir, composeProject, r.Name)
	default:
		if err := store.renamed(r.Name, running); err != nil {
			return found, err
		}
	}
	found.volumes, err = o.life.Compose.Volumes(ctx, string(r.Name))
	return found, err
}

// removals are steps that say what of the engine is removed.
func (r removable) removals() []plan.Step {
	var steps []plan.Step
	say := func(what, name string) {
		steps = append(steps, plan.Step{Text: fmt.Sprintf("remove %s %s", what, name)})
	}
	for _, c := range r.running.Containers {
		say("container", c.Name)
	}
	for _, n := range r.running.Networks {
		say("network", n.Name)
	}
	for _, v := range r.volumes {
		say("volume", v)
	}
	return steps
}

// discards are the steps that delete the project's folder, and first what it leads to when it is a link. All is renamed
// before it is deleted, so that what is interrupted leaves no half a project.
func (r Remove) discards(store Store) (steps []plan.Step, cleanup []plan.Action) {
	dir, target := store.Dir(r.Name), store.leads(r.Name)
	steps = append(steps, plan.Step{Do: func(context.Context) error {
		if store.leads(r.Name) != target {
			return fmt.Errorf("removing project %s: its folder was replaced meanwhile; run the command again", r.Name)
		}
		return nil
	}})
	discard := func(text, path string) {
		gone := scratch(filepath.Dir(path), "rm", r.Name)
		step := plan.RenameTo(path, gone)
		step.Text = text
		steps = append(steps, step)
		cleanup = append(cleanup, plan.Action{Kind: plan.Remove, Path: gone})
	}
	if target == "" {
		discard("delete "+dir+" with all that is in it", dir)
		return steps, cleanup
	}
	if isThere(target) {
		discard("delete "+target+" with all that is in it", target)
	}
	discard("delete the link "+dir+" to "+target, dir)
	return steps, cleanup
}

// isRenamed reports whether a folder was renamed that is still some project's: removing it would take that one's files.
func isRenamed(err error) bool {
	misnamed, is := errors.AsType[*MisnamedError](err)
	return is && isGone(filepath.Join(filepath.Dir(misnamed.Dir), misnamed.Says))
}

// renamed returns an error when the folder of a project is there under another name: removing what runs would take the
// data of a project that somebody only renamed.
func (s Store) renamed(name Name, running Running) error {
	all, err := s.List()
	for _, stray := range s.Strays(all, running.Containers, running.Networks, false) {
		if stray.Name == string(name) && stray.Twin != "" {
			return stray
		}
	}
	return err
}
