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
)

// compare says what changes when the site comes after the files in base, which need not exist. It reads both.
func (s *Site) compare(ctx context.Context, base string) (release.Changes, error) {
	c := release.Changes{Same: map[string]time.Time{}}
	from, err := os.OpenRoot(s.Dir)
	if err != nil {
		return c, fmt.Errorf("comparing the files: %w", err)
	}
	defer from.Close()
	earlier, err := release.Files(base, unseen)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
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
