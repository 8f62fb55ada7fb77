package projects

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/proxy/label"
	"gateway/templates"
)

// SourceDeployment is somebody's folder that is to take the place of a project's source.
type SourceDeployment struct {
	Name   Name
	Source *Source
	// InForce is what containers get now of the project's folder; Source says what they will get.
	InForce []importer.Mount
	// Trust are further rules of the policy that the project may break.
	Trust policy.Trust
	// Hold refuses what would come into force by what its files say; dir is a folder that is as the project's will be,
	// but for what is kept. Nil refuses none.
	Hold func(ctx context.Context, dir string) error
}

// SourceDeployed is what such a deployment came to.
type SourceDeployed struct {
	// Kept are the paths in the source that containers may write to: they stayed as they were.
	Kept  []string
	Notes []string
}

// Chosen is the service of an imported project that visitors reach, and its port.
func (p Project) Chosen() (importer.Choice, error) {
	o, err := p.override()
	return o.choice, err
}

// DeploySource takes a new copy of somebody's folder into a project and returns when its routes are served. What
// containers may write to in the copy before is never replaced: it moves over as it is. When the new one cannot be
// deployed the one before comes back; when that does not the error wraps a *Leftover.
func (l Life) DeploySource(ctx context.Context, d SourceDeployment) (SourceDeployed, error) {
	unlock, err := l.Store.Lock(ctx, d.Name)
	if err != nil {
		return SourceDeployed{}, err
	}
	defer unlock()
	if err := l.Store.recoverSite(d.Name); err != nil {
		return SourceDeployed{}, err
	}
	p, err := l.check(ctx, Deployment{Name: d.Name})
	if err != nil {
		return SourceDeployed{}, err
	}
	keep, err := d.keep(p)
	if err == nil {
		err = refuse(p.Takes(d.Source.Folder.Dir, d.Source.Files), d.Source.Outline.Check(d.Source.Choice), d.Source.strays(p.Trust.With(d.Trust)),
			sourceFits(l.Store, d.Source), Store{p.Dir}.checkRoom(d.Source.Folder.Bytes))
	}
	if err != nil {
		return SourceDeployed{}, err
	}
	step, _ := ctx.Value(stepKey{}).(func(string) error)
	x := &exchangeOfSource{dir: p.Dir, keep: keep, step: step}
	notes, err := x.prepare(ctx, p, d)
	if err == nil && d.Hold != nil {
		err = d.Hold(ctx, x.stage)
	}
	if err != nil {
		return SourceDeployed{}, errors.Join(err, x.abandon())
	}
	return SourceDeployed{Kept: x.keep, Notes: notes}, l.enforce(ctx, p, x)
}

// enforce puts a prepared source in force, or leaves the one before.
func (l Life) enforce(ctx context.Context, p Project, x *exchangeOfSource) error {
	err := x.forth()
	if err == nil {
		p, err = l.Store.Load(p.Name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("putting the new files of project %s in force: %w", p.Name, err), x.back())
	}
	// Mounts stay with the files that they were made of, so that all containers are new.
	if err := l.up(ctx, p, true); err != nil {
		return l.restore(ctx, p, x, err)
	}
	if err := x.commit(); err != nil {
		return fmt.Errorf("the new files of project %s are in force, and removing those before: %w", p.Name, err)
	}
	return nil
}

// restore brings the source before back and runs it.
func (l Life) restore(ctx context.Context, p Project, x *exchangeOfSource, cause error) error {
	ctx, cancel := l.afterwards(ctx, p.Name)
	defer cancel()
	if err := x.back(); err != nil {
		return left(cause, "bringing the files before of project %s back: %w; mend with: gateway deploy %s", p.Name, err, p.Name)
	}
	// A build that failed has touched no container: those there are go on.
	var unbuilt interface{ Leftovers() []string }
	if err := l.run(ctx, p.Dir, p.Name, !errors.As(cause, &unbuilt)); err != nil {
		return left(cause, "starting project %s with its old files again: %w; mend with: gateway deploy %s", p.Name, err, p.Name)
	}
	return cause
}

// Takes refuses a folder of another kind than the project was made of: files are those that Compose would read in it.
func (p Project) Takes(dir string, files []string) error {
	switch {
	case !p.HasSource():
		return fmt.Errorf("project %s was not made of somebody's files; leave --dir out", p.Name)
	case p.imported && len(files) == 0:
		return fmt.Errorf("project %s was made of a compose file, and %s has a Dockerfile alone; make a new project of it", p.Name, dir)
	case !p.imported && len(files) > 0:
		return fmt.Errorf("project %s was made of a Dockerfile alone, and %s has %s; make a new project of it", p.Name, dir, files[0])
	}
	return nil
}

// keep lists what containers may write to in the source, now or afterwards, by slash-separated path in it.
func (d SourceDeployment) keep(p Project) ([]string, error) {
	within := map[string][]importer.Mount{
		resolved(filepath.Join(p.Dir, importer.Source)): d.InForce,
		d.Source.Folder.Dir:                             d.Source.Outline.Mounts(),
	}
	var all []string
	for root, mounts := range within {
		for _, m := range mounts {
			path := resolved(m.Path)
			if m.ReadOnly || !contains(root, path) {
				continue
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return nil, err
			}
			all = append(all, filepath.ToSlash(rel))
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if slices.Contains(all, ".") {
		return nil, fmt.Errorf("project %s: a container may write to all of %s, so that nothing of it can be replaced; mount what it has to write to alone, or edit the files there and run: gateway deploy %s",
			p.Name, filepath.Join(p.Dir, importer.Source), p.Name)
	}
	// What is inside another goes with it.
	return slices.DeleteFunc(all, func(one string) bool {
		return slices.ContainsFunc(all, func(other string) bool { return strings.HasPrefix(one, other+"/") })
	}), nil
}

// files are those of the project's folder that are written anew with a source, by name.
func (d SourceDeployment) files(p Project) (map[string][]byte, []string, error) {
	if !p.imported {
		return nil, nil, nil
	}
	before, err := p.override()
	if err != nil {
		return nil, nil, err
	}
	terms := importer.Terms{
		Project: templates.Project{Name: string(p.Name), Path: before.labels[label.Path], Subnet: before.edge, Backend: before.backend},
		Files:   d.Source.Files, Choice: d.Source.Choice, Labels: before.labels, Trust: p.Trust.With(d.Trust),
	}
	compose, err := before.included(d.Source.Files)
	if err != nil {
		return nil, nil, err
	}
	notes := d.Source.Outline.Notes(terms)
	return map[string][]byte{ComposeFile: compose, importer.Override: d.Source.Outline.Override(terms)}, notes, nil
}
