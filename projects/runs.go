package projects

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"gateway/projects/compose"
	"gateway/projects/plan"
	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// The actions on what runs.
const (
	// up makes what runs equal to the folder Path, without building anything that is there.
	up plan.Kind = "up"
	// down removes all that the engine has of the project.
	down plan.Kind = "down"
	// stop ends what runs, and keeps it.
	stop plan.Kind = "stop"
	// start starts what the engine has of the project, as it was created, and keeps it running.
	start plan.Kind = "start"
	// startOnly does so with the containers Names alone, by id.
	startOnly plan.Kind = "start containers"
	// keep restarts what runs when the engine dies.
	keep plan.Kind = "keep"
	// withdraw removes the containers of the services that it began to replace, which are all but those that have the
	// containers Names, by id.
	withdraw plan.Kind = "withdraw"
	// abandon removes the containers that an unfinished deployment started beside those there were, which are Names, by id.
	abandon plan.Kind = "abandon"
	// retag gives images their names back: Names are pairs of a name and the id that it had, empty for none.
	retag plan.Kind = "retag"
	// dropOld removes the images that have lost their names, of the same pairs.
	dropOld plan.Kind = "drop images"
)

// act carries out an action on what runs. Interrupted says that calls to the engine may be under way that nobody waits for.
func (l Life) act(ctx context.Context, name Name, a plan.Action, interrupted bool) error {
	switch a.Kind {
	case up:
		if err := l.resumed(ctx, name, interrupted, func() error { return l.again(ctx, a.Path, name) }); err != nil {
			return fmt.Errorf("starting project %s again as it was: %w", name, err)
		}
	case upDeployed:
		start := func() error {
			return l.run(ctx, a.Path, name, compose.UpOptions{Made: true, Kept: filepath.Join(a.Path, deployedFolder)})
		}
		if err := l.resumed(ctx, name, interrupted, start); err != nil {
			return fmt.Errorf("starting project %s again as it was deployed: %w", name, err)
		}
	case remember:
		l.remember(ctx, a.Path, name)
	case down:
		err := teardown(ctx, l.Engine, l.Compose, name)
		if err == nil && interrupted {
			err = settle(ctx, l, name)
		}
		if err != nil {
			return fmt.Errorf("taking project %s down again: %w", name, err)
		}
	case start:
		if err := l.startAll(ctx, name); err != nil {
			return fmt.Errorf("starting project %s again: %w", name, err)
		}
	case startOnly:
		return l.startOnly(ctx, a.Names)
	case keep:
		return KeepRunning(ctx, l.Engine, name, true)
	case retire:
		return l.retire(ctx, name)
	case unqueue:
		keys, err := parseKeys(a.Names)
		if err != nil {
			return err
		}
		return l.unqueue(ctx, keys)
	case stop:
		if err := l.halt(ctx, name); err != nil {
			return fmt.Errorf("stopping project %s again: %w", name, err)
		}
	case withdraw:
		if err := l.withdraw(ctx, name, a.Names, interrupted); err != nil {
			return fmt.Errorf("removing what was made of project %s: %w", name, err)
		}
	case abandon:
		if err := l.abandon(ctx, name, a.Names); err != nil {
			return fmt.Errorf("removing what was made of project %s: %w", name, err)
		}
	case retag:
		if err := l.retag(ctx, a.Names); err != nil {
			return fmt.Errorf("bringing the images of project %s back: %w", name, err)
		}
	case dropOld:
		l.dropOld(ctx, a.Names)
	case dropNetworks:
		return l.dropNetworks(ctx, name, a.Names)
	case dropVolumes:
		return l.dropVolumes(ctx, a.Names)
	case dropBuilt:
		return removeBuilt(ctx, l.Engine, name)
	case removeHelper:
		return l.Engine.Remove(ctx, a.Names[0], 0)
	default:
		return fmt.Errorf("an action %q is not known to this version of gateway; install the version that began the change and run the command again", a.Kind)
	}
	return nil
}

// resumed starts what ran before. Calls to the engine may be under way after an interrupt.
func (l Life) resumed(ctx context.Context, name Name, interrupted bool, start func() error) error {
	if interrupted {
		return steadily(ctx, l, name, start)
	}
	return start()
}

// again starts what ran before, of the images that it ran of when they are there.
func (l Life) again(ctx context.Context, dir string, name Name) error {
	err := l.run(ctx, dir, name, compose.UpOptions{Made: true})
	if err == nil || ctx.Err() != nil {
		return err
	}
	return l.run(ctx, dir, name, compose.UpOptions{})
}

// halt ends what runs. Before that it is told to rest, so that no engine starts it again.
func (l Life) halt(ctx context.Context, name Name) error {
	if err := KeepRunning(ctx, l.Engine, name, false); err != nil {
		return err
	}
	return l.Compose.Stop(ctx, string(name))
}

// startAll starts what halt ended.
func (l Life) startAll(ctx context.Context, name Name) error {
	if err := l.Compose.Start(ctx, string(name)); err != nil {
		return err
	}
	return KeepRunning(ctx, l.Engine, name, true)
}

// Up adds the step that makes what runs equal to the folder of a change's project, and waits for its routes: beside what runs
// where that is possible. When it fails, what it made of containers is removed and what ran before runs again; what did not
// run is stopped.
func (o *Observed) Up(ctx context.Context, c *Change, options compose.UpOptions) error {
	running, err := o.Running(ctx)
	if err != nil {
		return err
	}
	resume := plan.Action{Kind: up, Path: c.Project.Dir}
	if !running.runs() {
		resume = plan.Action{Kind: stop}
	}
	o.deploy(c, running, options, plan.Action{Kind: withdraw, Names: running.ids()}, resume)
	return nil
}

// UpEdited is Up of a folder that people edited. When it fails, what ran before runs again by the copies of its files, if
// there are any, and the folder stays as it was edited. Without copies, what runs goes on when new containers that started
// beside it fail.
func (o *Observed) UpEdited(ctx context.Context, c *Change, options compose.UpOptions) error {
	running, err := o.Running(ctx)
	if err != nil {
		return err
	}
	back, err := o.goesBack(ctx, c.Project)
	if err != nil {
		return err
	}
	if !back {
		o.deploy(c, running, options, plan.Action{Kind: abandon, Names: running.ids()})
		return nil
	}
	made, err := o.builtBefore(ctx, c)
	if err != nil {
		return err
	}
	options.Made = options.Made || made
	o.deploy(c, running, options, plan.Action{Kind: withdraw, Names: running.ids()}, plan.Action{Kind: upDeployed, Path: c.Project.Dir})
	c.Undone = fmt.Sprintf("project %s runs as it was last deployed; edits in its folder are kept", c.Project.Name)
	return nil
}

// deploy adds the step to a change, with what undoes it and what comes after that.
func (o *Observed) deploy(c *Change, running Running, options compose.UpOptions, undo plan.Action, resume ...plan.Action) {
	p := c.Project
	c.Steps = append(c.Steps, plan.Step{
		Text:   "deploy project " + string(p.Name),
		Do:     func(ctx context.Context) error { return o.life.up(ctx, p, options) },
		Undo:   []plan.Action{undo},
		Resume: append(resume, released(append(running.keys(), p.keys()...))),
	})
	// What was replaced has images and folders in use that others of these actions remove.
	c.Cleanup = append([]plan.Action{{Kind: retire}}, append(c.Cleanup, plan.Action{Kind: remember, Path: p.Dir})...)
}

// ids are the full ids of the containers.
func (r Running) ids() []string {
	var all []string
	for _, c := range r.Containers {
		all = append(all, c.ID)
	}
	return all
}

// up makes what runs equal to a project's folder and waits for its routes.
func (l Life) up(ctx context.Context, p Project, o compose.UpOptions) error {
	running, err := Look(ctx, l.Engine, p.Name)
	if err != nil {
		return err
	}
	if _, err := l.Gateway.Table(ctx); err == nil && running.runs() {
		if err := errors.Join(l.forget(ctx, p.Name), l.retire(ctx, p.Name)); err != nil {
			return err
		}
		changes, err := l.Compose.Compare(ctx, p.Dir, string(p.Name), o)
		if err != nil {
			return &Failure{Err: errors.Join(fmt.Errorf("deploying project %s: %w", p.Name, err), l.sweep(ctx, err)), Served: true}
		}
		o.Made = true
		switch {
		case changes.None():
		case changes.Alone == "":
			return newRollout(l, p.Name, changes.Replaces).run(ctx, p, changes)
		default:
			return l.replace(ctx, p, o, changes)
		}
	}
	if err := l.run(ctx, p.Dir, p.Name, o); err != nil {
		return l.failed(ctx, p.Name, fmt.Errorf("deploying project %s: %w", p.Name, err))
	}
	if err := l.Ready(ctx, p.Name, p.keys()); err != nil {
		return l.failed(ctx, p.Name, err)
	}
	return nil
}

// run makes what runs equal to the folder, and keeps it running.
func (l Life) run(ctx context.Context, dir string, name Name, o compose.UpOptions) error {
	if err := l.Compose.Up(ctx, dir, string(name), o); err != nil {
		return errors.Join(err, l.sweep(ctx, err))
	}
	return KeepRunning(ctx, l.Engine, name, true)
}

func (l Life) failed(ctx context.Context, name Name, cause error) error {
	return Explain(ctx, l.Engine, name, cause)
}

// withdraw removes what an unfinished deployment made of the project's containers. A service that it had begun to replace
// goes with its old container, which the engine may still be stopping although nobody waits for that any more: to remove
// it is to wait for that. Those that stop before the ones that they depend on are replaced are among them when calls may
// be under way. All others go on.
func (l Life) withdraw(ctx context.Context, name Name, before []string, interrupted bool) error {
	running, err := Look(ctx, l.Engine, name)
	if err != nil {
		return err
	}
	if err := l.abandon(ctx, name, before); err != nil {
		return err
	}
	touched := map[string]bool{}
	for _, c := range running.Containers {
		if madeBeside(c, before) {
			continue
		}
		if !slices.Contains(before, c.ID) || interrupted && restartsWithOthers(c) {
			touched[ServiceOf(c)] = true
		}
	}
	for _, c := range running.Containers {
		if !touched[ServiceOf(c)] || madeBeside(c, before) {
			continue
		}
		if err := l.Engine.Remove(ctx, c.ID, docker.OwnTimeout); err != nil {
			return fmt.Errorf("removing container %s: %w", c.Name, err)
		}
	}
	return nil
}

// madeBeside reports whether a container is one that an unfinished deployment started beside others.
func madeBeside(c docker.Container, before []string) bool {
	return c.Labels[label.Rollout] != "" && !slices.Contains(before, c.ID)
}

// abandon removes the containers that an unfinished deployment started beside others, which go on.
func (l Life) abandon(ctx context.Context, name Name, before []string) error {
	running, err := Look(ctx, l.Engine, name)
	if err != nil {
		return err
	}
	return l.takeBack(ctx, slices.DeleteFunc(running.Containers, func(c docker.Container) bool { return !madeBeside(c, before) }))
}

// restartsWithOthers reports whether a container is stopped when one that it depends on is replaced.
func restartsWithOthers(c docker.Container) bool {
	return slices.ContainsFunc(label.Dependencies(c.Labels), func(d label.Dependency) bool { return d.Restart })
}

// retag gives images their names back, and removes those that had them meanwhile.
func (l Life) retag(ctx context.Context, pairs []string) error {
	images := l.Engine.Images()
	for pair := range slices.Chunk(pairs, 2) {
		name, before := pair[0], pair[1]
		now, err := images.ID(ctx, name)
		if err != nil && !errors.Is(err, docker.ErrNotFound) {
			return err
		}
		if now == before {
			continue
		}
		if before != "" {
			// One that is gone is built again when it is needed.
			if err := images.Tag(ctx, before, name); err != nil && !errors.Is(err, docker.ErrNotFound) {
				return err
			}
		} else if err := images.Remove(ctx, name); err != nil && !errors.Is(err, docker.ErrInUse) {
			return err
		}
		if now != "" {
			// One that stays costs a little disk, and goes with the project.
			_ = images.Remove(ctx, now)
		}
	}
	return nil
}

// dropOld removes the images that others have taken the names of, unless something else uses them.
func (l Life) dropOld(ctx context.Context, pairs []string) {
	images := l.Engine.Images()
	for pair := range slices.Chunk(pairs, 2) {
		if now, err := images.ID(ctx, pair[0]); pair[1] != "" && now != pair[1] && (err == nil || errors.Is(err, docker.ErrNotFound)) {
			// One that stays costs a little disk, and goes with the project.
			_ = images.Remove(ctx, pair[1])
		}
	}
}
