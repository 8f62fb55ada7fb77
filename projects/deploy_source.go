package projects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/projects/compose"
	"gateway/projects/importer"
	"gateway/projects/plan"
	"gateway/projects/policy"
	"gateway/projects/release"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/templates"
)

// source deploys a new copy of the imported folder as the project's source.
func (d Deploy) source(ctx context.Context, o *Observed, p Project, running Running) (*Change, error) {
	x := exchange{trust: d.Trust, force: d.Force}
	if err := x.begin(ctx, o, "deploy", p); err != nil {
		return nil, err
	}
	found, err := x.find(ctx, d.Dir, d.Limits)
	if err != nil {
		return nil, err
	}
	if err := refuse(sourceFits(o.Store(), found), Store{p.Dir}.checkRoom(found.Folder.Bytes)); err != nil {
		return nil, err
	}
	stage := x.releases.Stage()
	if err := x.history.Make(stage); err != nil {
		return nil, unwritable(p.Dir, err)
	}
	if err := found.Folder.Copy(ctx, filepath.Join(stage, importer.Source), x.carries); err != nil {
		return nil, diskFull(err)
	}
	if err := x.examine(ctx, stage, found); err != nil {
		return nil, err
	}
	if x.same() && !d.Force {
		c, err := d.folder(ctx, o, p, running)
		if err == nil {
			c.Files, c.Notes = x.change.Files, append(c.Notes, x.leftOut...)
		}
		return c, err
	}
	if err := x.beginTerm(d.Today); err != nil {
		return nil, err
	}
	if _, err := x.releases.Adopt(); err != nil {
		return nil, err
	}
	if x.change.Release, err = x.releases.Place(stage, d.described(found.Folder.Dir, found.Folder.Files, found.Folder.Bytes)); err != nil {
		return nil, err
	}
	x.releases.Steps[len(x.releases.Steps)-1].Text = fmt.Sprintf("copy %s (%s) from %s", Files(found.Folder.Files), Size(found.Folder.Bytes), found.Folder.Dir)
	x.releases.Activate(x.change.Release, stage, x.moves())
	x.prune(d.Keep)
	return x.done(), x.replaceSource(ctx, found)
}

// exchange is a plan under way that makes another source current: a new one, or that of an earlier release.
type exchange struct {
	deployment
	trust policy.Trust
	force bool

	history release.History
	// before is what the project is, and after what it will be, in the folder next, which has the project's files as they
	// will be.
	before, after compose.Shape
	next          string
	files         map[string][]byte
	// carried are the paths in the source that containers write to, now or afterwards.
	carried []string
	leftOut []string
}

// begin looks at what the project is.
func (x *exchange) begin(ctx context.Context, o *Observed, verb string, p Project) error {
	var err error
	if x.deployment, err = begin(o, verb, p); err != nil {
		return err
	}
	x.history = p.history()
	if x.before, err = compose.ReadShape(ctx, compose.Subject{Dir: p.Dir, Name: string(p.Name)}); err != nil {
		return fmt.Errorf("reading project %s: %w", p.Name, err)
	}
	return nil
}

// find looks through a folder for what the project will be made of, and decides what containers keep of it.
func (x *exchange) find(ctx context.Context, dir string, limits importer.Limits) (*Source, error) {
	p := x.change.Project
	given := importer.Choice{Port: dockerfilePort}
	if p.imported {
		var err error
		if given, err = p.Chosen(); err != nil {
			return nil, err
		}
	}
	found, err := x.o.life.FindSource(ctx, Find{Dir: dir, Name: p.Name, Limits: limits, Given: given, Into: &p})
	if err != nil {
		return nil, err
	}
	if len(found.Folder.Skipped) > 0 {
		x.leftOut = []string{"leaving out " + strings.Join(found.Folder.Skipped, ", ")}
	}
	if err := refuse(found.Outline.Check(found.Choice), found.strays(p.Trust.With(x.trust))); err != nil {
		return nil, err
	}
	return found, x.carry(found)
}

// dockerfilePort stands for the port that the labels of a project of a Dockerfile say already.
const dockerfilePort = 1

// Chosen is the service of an imported project that clients reach, and its port.
func (p Project) Chosen() (importer.Choice, error) {
	o, err := p.override()
	return o.choice, err
}

// Takes refuses a folder of another kind than the project was made of: files are those that Compose would read in it.
func (p Project) Takes(dir string, files []string) error {
	switch {
	case !p.HasSource():
		return fmt.Errorf("project %s was not imported; leave --dir out", p.Name)
	case p.imported && len(files) == 0:
		return fmt.Errorf("project %s was made of a compose file, and %s has a Dockerfile alone; make a new project of it", p.Name, dir)
	case !p.imported && len(files) > 0:
		return fmt.Errorf("project %s was made of a Dockerfile alone, and %s has %s; make a new project of it", p.Name, dir, files[0])
	}
	return nil
}

// carry decides what moves on to the next source: what containers may write to.
func (x *exchange) carry(found *Source) error {
	p := x.change.Project
	var all []string
	add := func(root string, mounts []importer.Mount) {
		for _, m := range mounts {
			if path, ok := insideOf(root, m.Path); ok && !m.ReadOnly {
				all = append(all, path)
			}
		}
	}
	for _, mounts := range x.before.Mounts {
		add(x.history.Path(), mounts)
	}
	add(found.Folder.Dir, found.Outline.Mounts())
	slices.Sort(all)
	all = slices.Compact(all)
	if slices.Contains(all, ".") {
		return fmt.Errorf("project %s: a container may write to all of %s, so that nothing of it can be replaced; mount what it has to write to alone, or edit the files there and run: gateway deploy %s",
			p.Name, x.history.Path(), p.Name)
	}
	// What the project does not have yet comes with the new files; what is inside another goes with it.
	x.carried = slices.DeleteFunc(slices.Clone(all), func(one string) bool {
		_, err := os.Lstat(filepath.Join(x.history.Path(), filepath.FromSlash(one)))
		return errors.Is(err, fs.ErrNotExist) ||
			slices.ContainsFunc(all, func(other string) bool { return one != other && release.Within(other, one) })
	})
	return nil
}

// carries reports whether a path in the source moves on.
func (x *exchange) carries(name string) bool {
	return slices.ContainsFunc(x.carried, func(path string) bool { return release.Within(path, name) })
}

// insideOf is a path relative to a folder, slash-separated and with links followed, when it is inside.
func insideOf(root, path string) (string, bool) {
	root, path = resolved(root), resolved(path)
	if !policy.Within(root, path) {
		return "", false
	}
	rel, err := filepath.Rel(root, path)
	return filepath.ToSlash(rel), err == nil
}

// examine writes the project's files as they will be into the folder next, which has the source, for as long as it holds it
// to the policy and compares.
func (x *exchange) examine(ctx context.Context, next string, found *Source) error {
	p := x.change.Project
	x.next = next
	var notes []string
	var err error
	if x.files, notes, err = x.rendered(p, found); err != nil {
		return err
	}
	for name, text := range x.files {
		if err := writeFile(next, name, text); err != nil {
			return diskFull(err)
		}
	}
	said, err := x.o.CheckPolicy(ctx, compose.Subject{Dir: next, Place: p.Dir, Trust: x.trust}, p.keys()...)
	if err != nil {
		return found.named(err, next, p.Dir)
	}
	x.change.Notes = slices.Concat(x.leftOut, said, notes)
	for _, path := range x.carried {
		x.change.Notes = append(x.change.Notes, path+" is written to by a container, and stays as it is in the project")
	}
	changes, err := release.Diff(ctx, x.history.Path(), filepath.Join(next, importer.Source), func(name string, _ fs.DirEntry) bool {
		return x.carries(name)
	})
	if err != nil {
		return err
	}
	x.change.Files = &changes
	if x.after, err = compose.ReadShape(ctx, compose.Subject{Dir: next, Name: string(p.Name), Trust: x.trust, Place: p.Dir}); err != nil {
		return found.named(err, next, p.Dir)
	}
	if x.change.Project.Document, err = read(p.Name, next); err != nil {
		return found.named(err, next, p.Dir)
	}
	for name := range x.files {
		err = errors.Join(err, os.Remove(filepath.Join(next, name)))
	}
	return err
}

// rendered are the files of the project's folder that come with a source, by name.
func (x *exchange) rendered(p Project, found *Source) (map[string][]byte, []string, error) {
	files, notes, err := found.files(p, p.Trust.With(x.trust))
	if err != nil {
		return nil, nil, err
	}
	if files == nil {
		// The compose.yaml of a Dockerfile alone stays.
		text, err := os.ReadFile(filepath.Join(p.Dir, ComposeFile))
		if err != nil {
			return nil, nil, fmt.Errorf("reading project %s: %w", p.Name, err)
		}
		files = map[string][]byte{ComposeFile: text}
	}
	files[ComposeFile], err = policy.Record(files[ComposeFile], x.trust)
	return files, notes, err
}

// same reports that all files are what they are already.
func (x *exchange) same() bool {
	p := x.change.Project
	for name, text := range x.files {
		before, err := os.ReadFile(filepath.Join(p.Dir, name))
		if err != nil || !bytes.Equal(before, text) {
			return false
		}
	}
	return x.change.Files.None()
}

// beginTerm edits the files as they will be so that the project's term begins again, where it has one.
func (x *exchange) beginTerm(today time.Time) error {
	r, begins := x.change.Project.restart(today)
	if !begins {
		return nil
	}
	for name, text := range x.files {
		after, err := r.edited(x.change.Project, name, text)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(x.change.Project.Dir, name), err)
		}
		x.files[name] = after
	}
	x.change.termBegins(r, today)
	return nil
}

// moves says how what is mounted comes over.
func (x *exchange) moves() release.Move {
	var same []string
	for _, mounts := range x.before.Mounts {
		for _, m := range mounts {
			path, ok := insideOf(x.history.Path(), m.Path)
			if ok && !x.carries(path) && !x.change.Files.At(path) {
				same = append(same, path)
			}
		}
	}
	return release.Move{Carried: x.carried, Same: same}
}

// stale are the services that have something mounted that changes, or all by force: a mount stays with the files that it
// was made of.
func (x *exchange) stale() []string {
	if x.force && x.change.Files.None() {
		return x.after.Running
	}
	at := func(root string, mounts []importer.Mount) []string {
		var all []string
		for _, m := range mounts {
			if path, ok := insideOf(root, m.Path); ok {
				all = append(all, path)
			}
		}
		return all
	}
	var names []string
	for _, service := range x.after.Running {
		before := at(x.history.Path(), x.before.Mounts[service])
		after := at(filepath.Join(x.next, importer.Source), x.after.Mounts[service])
		changed := slices.ContainsFunc(slices.Concat(before, after), func(path string) bool {
			return !x.carries(path) && x.change.Files.At(path)
		})
		if changed || !slices.Equal(before, after) {
			names = append(names, service)
		}
	}
	return names
}

// replaceSource plans what comes after the source is in place: the project's files, images, and containers.
func (x *exchange) replaceSource(ctx context.Context, found *Source) error {
	p := x.change.Project
	for _, name := range []string{ComposeFile, importer.Override} {
		text, changes := x.files[name]
		if !changes {
			continue
		}
		file := filepath.Join(p.Dir, name)
		before, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading project %s: %w", p.Name, err)
		}
		if !bytes.Equal(before, text) {
			write := plan.WriteFile(file, before, text)
			write.Text = "write " + name
			x.change.Steps = append(x.change.Steps, write)
		}
	}
	if err := x.o.images(ctx, x.change, x.before.Built, x.after.Built); err != nil {
		return err
	}
	build := &x.change.Steps[len(x.change.Steps)-1]
	made := build.Do
	build.Do = func(ctx context.Context) error { return found.named(made(ctx), p.Dir, p.Dir) }
	return x.up(ctx, compose.UpOptions{Replace: x.stale(), Made: true})
}

// images plans the images of a project, while the containers there are go on. Before and after are those that are built
// for what runs, and for what will.
func (o *Observed) images(ctx context.Context, c *Change, before, after []string) error {
	p, l := c.Project, o.life
	var tagged []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(before, after)))) {
		id, err := l.Engine.Images().ID(ctx, name)
		if err != nil && !errors.Is(err, docker.ErrNotFound) {
			return err
		}
		tagged = append(tagged, name, id)
	}
	step := plan.Step{
		Do: func(ctx context.Context) error {
			if err := l.Compose.Images(ctx, p.Dir, string(p.Name)); err != nil {
				return fmt.Errorf("deploying project %s: %w", p.Name, errors.Join(err, l.sweep(ctx, err)))
			}
			return nil
		},
		Undo: []plan.Action{{Kind: retag, Names: tagged}},
	}
	if len(after) > 0 {
		step.Text = "build " + strings.Join(after, ", ")
	}
	c.Steps = append(c.Steps, step)
	c.Cleanup = append(c.Cleanup, plan.Action{Kind: dropOld, Names: tagged})
	return nil
}

// files are those of the project's folder that are written with a source, by name; none for a Dockerfile alone.
func (s *Source) files(p Project, trust policy.Trust) (map[string][]byte, []string, error) {
	if !p.imported {
		return nil, nil, nil
	}
	before, err := p.override()
	if err != nil {
		return nil, nil, err
	}
	terms := importer.Terms{
		Project: templates.Project{Name: string(p.Name), Path: before.labels[label.Path], Subnet: before.edge, Backend: before.backend},
		Files:   s.Files, Choice: s.Choice, Labels: before.labels, Trust: trust,
	}
	text, err := before.included(s.Files)
	if err != nil {
		return nil, nil, err
	}
	return map[string][]byte{ComposeFile: text, importer.Override: s.Outline.Override(terms)}, s.Outline.Notes(terms), nil
}
