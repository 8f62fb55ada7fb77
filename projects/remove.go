package projects

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Removal is the plan of a project's end.
type Removal struct {
	Name Name
	// Dir is empty when the project has no folder.
	Dir string
	// Target is where Dir leads when it is a link, whether or not there is anything; it goes too.
	Target                        string
	Containers, Networks, Volumes []string
}

// Volumes lists the volumes of a project by name.
type Volumes func(ctx context.Context, name string) ([]string, error)

// PlanRemoval decides whether a project may be removed and says what goes. Either half may be missing, the folder or
// what runs; without a folder only what was made for the gateway from that folder is removed. The error wraps
// ErrNoProject when there is neither.
func (l Life) PlanRemoval(ctx context.Context, name Name, volumes Volumes) (Removal, error) {
	running, err := Look(ctx, l.Engine, name)
	if err != nil {
		return Removal{}, err
	}
	dir := l.Store.Dir(name)
	if err := running.foreign(name, dir); err != nil {
		return Removal{}, err
	}
	plan := Removal{Name: name}
	switch {
	case l.Store.Exists(name):
		if _, err := l.Store.Load(name); isRenamed(err) {
			return Removal{}, err
		}
		plan.Dir, plan.Target = dir, l.Store.leads(name)
		if err := l.Store.apart(name); err != nil {
			return Removal{}, err
		}
	case running.empty():
		return Removal{}, fmt.Errorf("%w: %s; 'gateway ls' lists those there are", ErrNoProject, name)
	case !running.ours():
		return Removal{}, fmt.Errorf("%w: %s has no folder %s, and its containers carry no label of the gateway; use docker compose", ErrNoProject, name, dir)
	}
	if plan.Dir == "" {
		if err := l.Store.renamed(name, running); err != nil {
			return Removal{}, err
		}
	}
	for _, c := range running.Containers {
		plan.Containers = append(plan.Containers, c.Name)
	}
	for _, n := range running.Networks {
		plan.Networks = append(plan.Networks, n.Name)
	}
	plan.Volumes, err = volumes(ctx, string(name))
	return plan, err
}

// isRenamed reports whether a folder was renamed that is still some project's: removing it would take that one's files.
func isRenamed(err error) bool {
	misnamed, is := errors.AsType[*MisnamedError](err)
	return is && isGone(filepath.Join(filepath.Dir(misnamed.Dir), misnamed.Says))
}

// renamed returns an error when the folder of a project is there under another name: removing what runs would take the
// data of a project that somebody only renamed.
func (s Store) renamed(name Name, running Running) error {
	strays, err := s.Strays(running.Containers, running.Networks, false)
	for _, stray := range strays {
		if stray.Name == string(name) && stray.Twin != "" {
			return stray
		}
	}
	return err
}

// Steps says what goes, one line each.
func (r Removal) Steps() []string {
	var steps []string
	for _, kind := range []struct {
		what  string
		names []string
	}{{"container", r.Containers}, {"network", r.Networks}, {"volume", r.Volumes}} {
		for _, name := range kind.names {
			steps = append(steps, fmt.Sprintf("remove %s %s", kind.what, name))
		}
	}
	switch {
	case r.Dir == "":
		return steps
	case r.Target == "":
		return append(steps, "delete "+r.Dir+" with all that is in it")
	case isThere(r.Target):
		steps = append(steps, "delete "+r.Target+" with all that is in it")
	}
	return append(steps, "delete the link "+r.Dir+" to "+r.Target)
}

// String is the plan in lines.
func (r Removal) String() string { return strings.Join(r.Steps(), "\n") }

// Remove removes all that the engine has of a project, and then its folder. When it fails the folder is still there,
// and it can be called again.
func (l Life) Remove(ctx context.Context, plan Removal) error {
	unlock, err := l.Store.Lock(ctx, plan.Name)
	if err != nil {
		return err
	}
	defer unlock()
	if err := teardown(ctx, l.Engine, l.Compose, plan.Name); err != nil {
		return fmt.Errorf("removing project %s: %w; its folder was kept, run the command again", plan.Name, err)
	}
	if !l.Store.Exists(plan.Name) {
		return nil
	}
	return l.Store.remove(plan.Name, plan.Target)
}
