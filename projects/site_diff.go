package projects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/projects/release"
	"gateway/projects/tree"
)

// compare says what changes when the site comes after the files in base, which need not exist. It reads both.
func (s *Site) compare(ctx context.Context, base string) (release.Changes, error) {
	c := release.Changes{Same: map[string]time.Time{}}
	from, err := os.OpenRoot(s.Dir)
	if err != nil {
		return c, fmt.Errorf("comparing the files: %w", err)
	}
	defer from.Close()
	earlier, err := filesIn(base)
	if err != nil {
		return c, fmt.Errorf("comparing the files: %w", err)
	}
	for _, entry := range s.entries {
		if entry.folder {
			continue
		}
		before, there := earlier[entry.name]
		delete(earlier, entry.name)
		if !there {
			c.Added = append(c.Added, entry.name)
			continue
		}
		equal, err := equalFiles(ctx, from, entry, base, before)
		if err != nil {
			return c, fmt.Errorf("comparing %s: %w", entry.name, err)
		}
		if equal {
			c.Same[entry.name] = before.ModTime()
		} else {
			c.Changed = append(c.Changed, entry.name)
		}
	}
	for name := range earlier {
		c.Removed = append(c.Removed, name)
	}
	slices.Sort(c.Removed)
	return c, nil
}

// filesIn lists what a site of ours has to show: also what people put there that is no plain file.
func filesIn(dir string) (map[string]fs.FileInfo, error) {
	all := map[string]fs.FileInfo{}
	// The folder itself may be a link.
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	err = tree.Walk(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case unseen(name, entry) && entry.IsDir():
			return fs.SkipDir
		case unseen(name, entry) || entry.IsDir():
			return nil
		}
		all[name], err = entry.Info()
		return err
	})
	return all, err
}

// unseen reports whether a file or folder is neither copied nor served.
func unseen(name string, entry fs.DirEntry) bool {
	return strings.HasPrefix(entry.Name(), ".") && name != ".well-known"
}

// equalFiles reports whether a file of base has the content of a site's, and may be read by the server of it.
func equalFiles(ctx context.Context, from *os.Root, entry siteEntry, base string, before fs.FileInfo) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !before.Mode().IsRegular() || before.Size() != entry.size || before.Mode().Perm()&0o444 != 0o444 {
		return false, nil
	}
	a, err := from.Open(filepath.FromSlash(entry.name))
	if err != nil {
		return false, err
	}
	defer a.Close()
	b, err := os.Open(filepath.Join(base, filepath.FromSlash(entry.name)))
	if err != nil {
		return false, err
	}
	defer b.Close()
	return release.EqualContents(a, b)
}
