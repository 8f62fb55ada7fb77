package projects

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gateway/projects/compose"
	"gateway/projects/importer"
	"gateway/projects/release"
	"gateway/projects/tree"
)

// Rollback makes an earlier release of a project's site or source current again: the one with a number, or for 0 the one
// that was current before, so that twice leads back to where it began. What containers write to stays as it is.
type Rollback struct {
	Name   Name
	Number int
}

// Project is the one to roll back.
func (r Rollback) Project() Name { return r.Name }

// Plan finds the release and decides what has to change. The error wraps release.ErrNone when there is no such release.
func (r Rollback) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, err := o.Load()
	if err != nil {
		return nil, err
	}
	if err := hasReleases(p); err != nil {
		return nil, err
	}
	if p.history().Current() == 0 {
		return nil, fmt.Errorf("project %s: %w: no version is current; the first 'gateway deploy %s --dir DIR' makes some", r.Name, release.ErrNone, r.Name)
	}
	_, to, err := p.history().Find(r.Number)
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", r.Name, err)
	}
	if p.HasSource() {
		return r.source(ctx, o, p, to)
	}
	return r.site(ctx, o, p, to)
}

// site needs no engine where containers see the releases themselves.
func (r Rollback) site(ctx context.Context, o *Observed, p Project, to release.Release) (*Change, error) {
	c, err := begin(o, "rollback", p)
	if err != nil {
		return nil, err
	}
	h := p.history()
	changes, err := release.Diff(ctx, h.Path(), h.FilesOf(to.Number), unseen)
	if err != nil {
		return nil, err
	}
	c.change.Files = &changes
	if _, err := c.releases.Adopt(); err != nil {
		return nil, err
	}
	if to.Number == c.releases.Current().Number {
		return c.done(), nil
	}
	c.change.From, c.change.Release, c.change.Made = c.releases.Current(), to, true
	if err := c.releases.Return(to, release.Move{}); err != nil {
		return nil, err
	}
	replace, err := mountingContent(ctx, p)
	if err != nil || len(replace) == 0 {
		return c.done(), err
	}
	running, err := o.Running(ctx)
	if err != nil || !running.runs() {
		return c.done(), err
	}
	if err := running.foreign(p.Name, p.Dir); err != nil {
		return nil, err
	}
	if err := c.check(ctx, nil); err != nil {
		return nil, err
	}
	return c.done(), c.up(ctx, compose.UpOptions{Replace: replace})
}

// source is Deploy of the source of an earlier release, without a copy.
func (r Rollback) source(ctx context.Context, o *Observed, p Project, to release.Release) (*Change, error) {
	if _, err := o.ours(ctx); err != nil {
		return nil, err
	}
	x := exchange{}
	if err := x.begin(ctx, o, "rollback", p); err != nil {
		return nil, err
	}
	if _, err := x.releases.Adopt(); err != nil {
		return nil, err
	}
	if to.Number == x.releases.Current().Number {
		x.change.Files = &release.Changes{}
		return x.done(), nil
	}
	found, err := x.find(ctx, x.history.FilesOf(to.Number), importer.Limits{})
	if err != nil {
		return nil, err
	}
	look := x.releases.Stage()
	if err := x.history.Make(look); err != nil {
		return nil, unwritable(p.Dir, err)
	}
	if err := tree.Link(found.Folder.Dir, filepath.Join(look, importer.Source)); err != nil {
		if err := errors.Join(os.RemoveAll(filepath.Join(look, importer.Source)), found.Folder.Copy(ctx, filepath.Join(look, importer.Source), nil)); err != nil {
			return nil, diskFull(err)
		}
	}
	if err := x.examine(ctx, look, found); err != nil {
		return nil, err
	}
	x.change.From, x.change.Release, x.change.Made = x.releases.Current(), to, true
	if err := x.releases.Return(to, x.moves()); err != nil {
		return nil, err
	}
	return x.done(), x.replaceSource(ctx, found)
}
