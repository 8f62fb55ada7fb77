package projects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// place makes the project's folder with the files, and with the site in place of theirs when there is one: whole or
// not at all. The caller holds the project's lock.
func (s Store) place(ctx context.Context, name Name, files map[string][]byte, site *Site) error {
	stage, err := s.newStage("add", name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	dir := filepath.Join(stage, string(name))
	if err := fill(ctx, dir, files, site); err != nil {
		return fmt.Errorf("making the folder of project %s: %w", name, diskFull(err))
	}
	if s.Exists(name) {
		return fmt.Errorf("making the folder of project %s: %s was made meanwhile", name, s.Dir(name))
	}
	if err := os.Rename(dir, s.Dir(name)); err != nil {
		return fmt.Errorf("making the folder of project %s: %w", name, err)
	}
	return nil
}

// newStage makes a hidden folder beside the projects, and deletes those of the same project that a crash left behind.
func (s Store) newStage(purpose string, name Name) (string, error) {
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return "", unwritable(s.root, err)
	}
	prefix := "." + purpose + "-" + string(name) + "-"
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return "", unwritable(s.root, err)
	}
	for _, entry := range entries {
		// A longer name may start with this one: only all digits behind it are ours.
		if rest, ours := strings.CutPrefix(entry.Name(), prefix); !ours || strings.Trim(rest, "0123456789") != "" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.root, entry.Name())); err != nil {
			return "", fmt.Errorf("removing what a crash left behind: %w", err)
		}
	}
	stage, err := os.MkdirTemp(s.root, prefix)
	if err != nil {
		return "", unwritable(s.root, err)
	}
	return stage, nil
}

// fill writes a project's files into a new folder.
func fill(ctx context.Context, dir string, files map[string][]byte, site *Site) error {
	if err := makeFolder(dir); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if site != nil && strings.HasPrefix(name, SiteFolder+"/") {
			continue
		}
		if err := writeFile(dir, name, files[name]); err != nil {
			return err
		}
	}
	if site == nil {
		return nil
	}
	return site.copyTo(ctx, filepath.Join(dir, SiteFolder))
}

func writeFile(dir, name string, content []byte) error {
	to := dir
	parts := strings.Split(name, "/")
	for _, part := range parts[:len(parts)-1] {
		to = filepath.Join(to, part)
		if err := makeFolder(to); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	to = filepath.Join(to, parts[len(parts)-1])
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, os.Chmod(to, 0o644), f.Sync(), f.Close())
}

// diskFull adds the mend to an error about a full disk.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w; nothing was kept, make room on the disk and run the command again", err)
	}
	return err
}

// swapSite puts the files of site in place of the project's. The one that is called of undo and done ends it: undo
// brings the old files back, done deletes them. The caller holds the project's lock.
func (s Store) swapSite(ctx context.Context, p Project, site *Site) (undo, done func() error, err error) {
	stage, err := s.newStage("site", p.Name)
	if err != nil {
		return nil, nil, err
	}
	current, old, fresh := filepath.Join(p.Dir, SiteFolder), filepath.Join(stage, "old"), filepath.Join(stage, "new")
	done = func() error { return os.RemoveAll(stage) }
	undo = func() error {
		return errors.Join(os.Rename(current, fresh), os.Rename(old, current), done())
	}
	if err := site.copyTo(ctx, fresh); err != nil {
		return nil, nil, errors.Join(diskFull(err), done())
	}
	if err := os.Rename(current, old); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("putting the old files of project %s aside: %w", p.Name, err), done())
	}
	if err := os.Rename(fresh, current); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("putting the files of project %s in place: %w", p.Name, err), os.Rename(old, current), done())
	}
	return undo, done, nil
}
