package projects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gateway/projects/release"
)

// compare says what changes when the site comes after the files in base, which need not exist. It reads both.
func (s *Site) compare(ctx context.Context, base string) (release.Changes, error) {
	from, err := os.OpenRoot(s.Dir)
	if err != nil {
		return release.Changes{}, fmt.Errorf("comparing the files: %w", err)
	}
	defer from.Close()
	earlier, err := release.Files(base, unseen)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return release.Changes{}, fmt.Errorf("comparing the files: %w", err)
	}
	sizes, names := map[string]int64{}, []string{}
	for _, entry := range s.entries {
		if !entry.Mode.IsDir() {
			sizes[entry.Name] = entry.Size
			names = append(names, entry.Name)
		}
	}
	return release.Compare(ctx, earlier, names, func(name string, before fs.FileInfo) (bool, error) {
		if !before.Mode().IsRegular() || before.Size() != sizes[name] || before.Mode().Perm()&0o444 != 0o444 {
			return false, nil
		}
		return equalFiles(from, filepath.FromSlash(name), base)
	})
}

// unseen reports whether a file or folder is neither copied nor served.
func unseen(name string, entry fs.DirEntry) bool {
	return strings.HasPrefix(entry.Name(), ".") && name != ".well-known"
}

// equalFiles reports whether a file has the same content in both folders.
func equalFiles(from *os.Root, name, base string) (bool, error) {
	a, err := from.Open(name)
	if err != nil {
		return false, err
	}
	defer a.Close()
	b, err := os.Open(filepath.Join(base, name))
	if err != nil {
		return false, err
	}
	defer b.Close()
	return release.EqualContents(a, b)
}
