package projects

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// What a folder in which a site is exchanged holds: the files that are not in force, and, where the two cannot change
// places at once, for a moment the only copy of those that are.
const (
	freshSite = "new"
	oldSite   = "old"
)

// swapSite puts the files of site in place of the project's. The one that is called of undo and done ends it: undo
// brings the old files back, done deletes them. The caller holds the project's lock and has recovered the site.
func (s Store) swapSite(ctx context.Context, p Project, site *Site) (undo, done func() error, err error) {
	stage, err := newStage(s.beside(p.Name), "site", p.Name)
	if err != nil {
		return nil, nil, err
	}
	current, fresh := filepath.Join(p.Dir, SiteFolder), filepath.Join(stage, freshSite)
	done = func() error { return clearSwap(stage, current) }
	if err := site.copyTo(ctx, fresh); err != nil {
		return nil, nil, errors.Join(diskFull(err), done())
	}
	back, err := swap(current, fresh, filepath.Join(stage, oldSite))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("putting the files of project %s in place: %w", p.Name, err), done())
	}
	undo = func() error {
		if err := back(); err != nil {
			return fmt.Errorf("%w; they are in %s until the next deployment of files", err, stage)
		}
		return done()
	}
	return undo, done, nil
}

// swap makes two folders change places, at once where the system can, else by way of aside. It does so whole or not
// at all, and so does back, which undoes it.
func swap(current, fresh, aside string) (back func() error, err error) {
	if exchange(current, fresh) == nil {
		return func() error { return exchange(current, fresh) }, nil
	}
	if err := rotate(fresh, current, aside); err != nil {
		return nil, err
	}
	return func() error { return rotate(aside, current, fresh) }, nil
}

// rotate moves current to aside and next to current. A crash in between leaves the only copy in the stage.
func rotate(next, current, aside string) error {
	if err := os.Rename(current, aside); err != nil {
		return err
	}
	if err := os.Rename(next, current); err != nil {
		return errors.Join(err, os.Rename(aside, current))
	}
	return nil
}

// recoverSite ends the exchanges of a project's site that a crash interrupted: the old files come back when those in
// force are gone. The caller holds the project's lock.
func (s Store) recoverSite(name Name) error {
	left, err := stages(s.beside(name), "site", name)
	for _, stage := range left {
		err = errors.Join(err, clearSwap(stage, filepath.Join(s.Dir(name), SiteFolder)))
	}
	if err != nil {
		return fmt.Errorf("mending what a crash left of project %s: %w", name, err)
	}
	return nil
}

// clearSwap deletes a stage once the files in force are in place, and puts the old ones there when none are.
func clearSwap(stage, current string) error {
	_, err := os.Lstat(current)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.Rename(filepath.Join(stage, oldSite), current); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("%w; the old files are in %s", err, stage)
	}
	return os.RemoveAll(stage)
}
