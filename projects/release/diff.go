package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/projects/tree"
)

// Changes is what a deployment changes, by slash-separated path, sorted. Folders do not count: what is in them does.
type Changes struct {
	Added, Changed, Removed []string
	// Same are the files that stay as they are, with their times of change.
	Same map[string]time.Time
}

// None reports that nothing changes.
func (c Changes) None() bool { return len(c.Added)+len(c.Changed)+len(c.Removed) == 0 }

// String is the changes in numbers.
func (c Changes) String() string {
	return fmt.Sprintf("%d added, %d changed, %d removed, %d the same", len(c.Added), len(c.Changed), len(c.Removed), len(c.Same))
}

// At reports whether something changes at a path, or below it. The path "." is all there is.
func (c Changes) At(path string) bool {
	return slices.ContainsFunc(slices.Concat(c.Added, c.Changed, c.Removed), func(name string) bool { return Within(path, name) })
}

// Within reports whether a slash-separated path is another, or below it.
func Within(path, name string) bool {
	return path == "." || name == path || strings.HasPrefix(name, path+"/")
}

// Diff compares the files of two folders, of which the first need not exist. What skip reports true for is left out, with
// all that is below it.
func Diff(ctx context.Context, from, to string, skip func(name string, entry fs.DirEntry) bool) (Changes, error) {
	before, err := Files(from, skip)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Changes{}, fmt.Errorf("comparing the files: %w", err)
	}
	after, err := Files(to, skip)
	if err != nil {
		return Changes{}, fmt.Errorf("comparing the files: %w", err)
	}
	return Compare(ctx, before, slices.Sorted(maps.Keys(after)), func(name string, old fs.FileInfo) (bool, error) {
		return equalFiles(filepath.Join(from, filepath.FromSlash(name)), old, filepath.Join(to, filepath.FromSlash(name)), after[name])
	})
}

// Compare says what changes when other files, by their names, come after those in before. Equal reports whether one of
// them is what it was. It takes the map over.
func Compare(ctx context.Context, before map[string]fs.FileInfo, after []string, equal func(name string, old fs.FileInfo) (bool, error)) (Changes, error) {
	c := Changes{Same: map[string]time.Time{}}
	for _, name := range after {
		old, there := before[name]
		if !there {
			c.Added = append(c.Added, name)
			continue
		}
		delete(before, name)
		if err := ctx.Err(); err != nil {
			return c, err
		}
		same, err := equal(name, old)
		switch {
		case err != nil:
			return c, fmt.Errorf("comparing %s: %w", name, err)
		case same:
			c.Same[name] = old.ModTime()
		default:
			c.Changed = append(c.Changed, name)
		}
	}
	c.Removed = slices.Sorted(maps.Keys(before))
	return c, nil
}

// Files lists the files in a folder, by slash-separated path, those that are no plain files too; the folder may be a link.
// What skip reports true for is left out, with all that is below it; nil leaves out nothing. The error wraps fs.ErrNotExist
// when there is no such folder.
func Files(dir string, skip func(string, fs.DirEntry) bool) (map[string]fs.FileInfo, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	all := map[string]fs.FileInfo{}
	return all, tree.Walk(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case skip != nil && skip(name, entry) && entry.IsDir():
			return fs.SkipDir
		case skip != nil && skip(name, entry) || entry.IsDir():
			return nil
		}
		all[name], err = entry.Info()
		return err
	})
}

// equalFiles reports whether two files have the same type, permissions and content.
func equalFiles(from string, before fs.FileInfo, to string, after fs.FileInfo) (bool, error) {
	if before.Mode() != after.Mode() {
		return false, nil
	}
	if before.Mode()&fs.ModeSymlink != 0 {
		a, err := os.Readlink(from)
		if err != nil {
			return false, err
		}
		b, err := os.Readlink(to)
		return a == b, err
	}
	if !before.Mode().IsRegular() || before.Size() != after.Size() {
		return false, nil
	}
	a, err := os.Open(from)
	if err != nil {
		return false, err
	}
	defer a.Close()
	b, err := os.Open(to)
	if err != nil {
		return false, err
	}
	defer b.Close()
	return EqualContents(a, b)
}

// EqualContents reads both to the end, or to the first difference.
func EqualContents(a, b io.Reader) (bool, error) {
	first, second := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(a, first)
		m, otherErr := io.ReadFull(b, second)
		if !bytes.Equal(first[:n], second[:m]) {
			return false, nil
		}
		if err == nil && otherErr == nil {
			continue
		}
		if ended(err) && ended(otherErr) {
			return true, nil
		}
		return false, errors.Join(err, otherErr)
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
