package projects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"gateway/projects/tree"
)

// adopt makes a version of a real folder in the place of the link: of what a project had before there were versions,
// or of what people put there themselves. The folder stays what it is, so that a container that has it mounted goes on
// with it, and it is there under one of its names all the time.
func adopt(h history) error {
	if !isRealFolder(h.site()) {
		return nil
	}
	v, err := described(h.site())
	if err != nil {
		return err
	}
	v.Replaced = h.current()
	stage, err := h.stage()
	if err != nil {
		return err
	}
	if v.Number, err = h.next(); err == nil {
		// The link in the folder's place changes places with it. Until then it leads nowhere, and the version is none.
		err = errors.Join(v.write(stage), os.Symlink(siteLink, filepath.Join(stage, SiteFolder)))
	}
	if err == nil {
		err = enact(h, stage, v)
	}
	if err != nil {
		return fmt.Errorf("making a version of the files there are: %w", errors.Join(err, os.RemoveAll(stage), recovery{h}.run()))
	}
	return nil
}

// enact has the folder and the link of an adopted version change places.
func enact(h history, stage string, v Version) error {
	if err := os.Rename(stage, h.folder(v.Number)); err != nil {
		return err
	}
	if err := h.at("adopt: placed"); err != nil {
		return err
	}
	if v.Replaced == 0 {
		// Nobody is led anywhere yet: a link that leads nowhere is not followed.
		if err := h.point(v.Number); err != nil {
			return err
		}
	}
	if err := h.at("adopt: pointed"); err != nil {
		return err
	}
	if err := trade(h.site(), h.siteOf(v.Number)); err != nil {
		return err
	}
	if err := h.at("adopt: traded"); err != nil {
		return err
	}
	return h.point(v.Number)
}

// trade puts the folder in the link's place and the link in the folder's: at once where the system can, else with a
// moment in which the folder's old name is missing, which recover ends.
func trade(folder, link string) error {
	if tree.Exchange(folder, link) == nil {
		return nil
	}
	return tradeSlowly(folder, link)
}

// tradeSlowly is trade where the system cannot do it at once.
func tradeSlowly(folder, link string) error {
	if err := os.Remove(link); err != nil {
		return err
	}
	if err := os.Rename(folder, link); err != nil {
		return err
	}
	return os.Symlink(siteLink, folder)
}

// described counts the files of a folder; the time is that of the latest change in it.
func described(dir string) (Version, error) {
	var v Version
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			v.Files++
			v.Bytes += info.Size()
		}
		if info.ModTime().After(v.Made) {
			v.Made = info.ModTime()
		}
		return nil
	})
	// Clocks go wrong; what is later than now would be taken for what was in force last.
	if now := time.Now(); v.Made.After(now) {
		v.Made = now
	}
	v.Made = v.Made.UTC().Truncate(time.Second)
	v.Since = v.Made
	return v, err
}

// stage makes a hidden folder for a version that is not one yet.
func (h history) stage() (string, error) {
	if err := makeFolder(h.root()); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", unwritable(h.dir, err)
	}
	stage, err := os.MkdirTemp(h.root(), filepath.Base(h.hidden("new")))
	if err != nil {
		return "", unwritable(h.root(), err)
	}
	return stage, os.Chmod(stage, 0o755)
}

func (h history) next() (int, error) {
	numbers, err := h.numbers()
	if err != nil || len(numbers) == 0 {
		return 1, err
	}
	return numbers[0] + 1, nil
}

// addVersion copies a site into a new version, which is not in force yet. What fails or is interrupted leaves nothing.
func addVersion(ctx context.Context, h history, site *Site, changes Changes, by string) (Version, error) {
	v := Version{Made: time.Now().UTC().Truncate(time.Second), From: site.Dir, By: by, Files: site.Files, Bytes: site.Bytes, Replaced: h.current()}
	stage, err := h.stage()
	if err != nil {
		return v, err
	}
	err = v.fill(ctx, h, stage, site, changes)
	if err == nil {
		err = os.Rename(stage, h.folder(v.Number))
	}
	if err != nil {
		return v, errors.Join(diskFull(err), os.RemoveAll(stage))
	}
	return v, nil
}

func (v *Version) fill(ctx context.Context, h history, stage string, site *Site, changes Changes) error {
	if err := h.at("deploy: staged"); err != nil {
		return err
	}
	if err := site.copyOver(ctx, filepath.Join(stage, SiteFolder), changes); err != nil {
		return err
	}
	if err := h.at("deploy: copied"); err != nil {
		return err
	}
	var err error
	if v.Number, err = h.next(); err != nil {
		return err
	}
	if err := v.write(stage); err != nil {
		return err
	}
	if err := tree.Flush(stage); err != nil {
		return fmt.Errorf("writing the files to the disk: %w", err)
	}
	if err := h.at("deploy: written"); err != nil {
		return err
	}
	return ctx.Err()
}

// mark notes that a version was put in force.
func (h history) mark(v Version) error {
	v.Since = time.Now().UTC()
	return v.write(h.folder(v.Number))
}

// prune removes all but the versions that were in force last, and returns the numbers of those that went. The one in
// force is always among those that stay, and so is the one before it when two are kept.
func (h history) prune(keep int) ([]int, error) {
	all, err := h.list()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Version) int {
		if a.Current != b.Current {
			return cmp.Compare(b.inForce(), a.inForce())
		}
		return b.Since.Compare(a.Since)
	})
	var gone []int
	for _, v := range all[min(keep, len(all)):] {
		if err := h.discard(v.Number); err != nil {
			return gone, err
		}
		gone = append(gone, v.Number)
	}
	return gone, nil
}

func (v Version) inForce() int {
	if v.Current {
		return 1
	}
	return 0
}

// discard removes a version: it is gone at once, and its files when they are deleted.
func (h history) discard(n int) error {
	gone := h.hidden("old") + strconv.Itoa(n)
	err := os.RemoveAll(gone)
	if err == nil {
		err = os.Rename(h.folder(n), gone)
	}
	if err == nil {
		err = h.at("discard: renamed")
	}
	if err == nil {
		err = os.RemoveAll(gone)
	}
	if err != nil {
		return fmt.Errorf("removing version %d: %w", n, err)
	}
	return nil
}
