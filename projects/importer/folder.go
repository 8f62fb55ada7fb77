package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gateway/projects/tree"
)

// Limits bound what is imported.
type Limits = tree.Limits

// Folder is the imported folder that was looked through and can be copied.
type Folder struct {
	// Dir is the absolute path, links resolved.
	Dir   string
	Files int
	Bytes int64
	// Skipped are the folders of version control, which are not copied.
	Skipped []string

	limit   Limits
	entries []tree.Entry
}

// skipped are the folders that no project needs to run or to be built.
var skipped = map[string]bool{".git": true, ".hg": true, ".svn": true}

// Open looks through a folder. It refuses what cannot be copied or should not be: links out of it, devices, pipes and
// sockets, and more than the limits. Nothing is kept open.
func Open(dir string, limit Limits) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", dir, err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", dir, err)
	}
	defer root.Close()
	f := &Folder{Dir: abs, limit: limit}
	if err := tree.Walk(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return f.look(root, name, entry)
	}); err != nil {
		return nil, fmt.Errorf("folder %s: %w", dir, err)
	}
	return f, nil
}

// look takes note of one entry.
func (f *Folder) look(root *os.Root, name string, entry fs.DirEntry) error {
	if name == "." {
		return nil
	}
	if entry.IsDir() && skipped[entry.Name()] {
		f.Skipped = append(f.Skipped, name)
		return fs.SkipDir
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	one := tree.Entry{Name: name, Mode: info.Mode(), Size: info.Size(), Time: info.ModTime()}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		one.Link, err = inside(root, name)
	case info.Mode().IsRegular():
		f.Files++
		f.Bytes += info.Size()
	case info.IsDir():
		// Its owner can write into it, whatever its mode: else the copy could be neither filled nor removed.
		one.Mode |= 0o700
	default:
		err = fmt.Errorf("%s is no file but a device, a pipe or a socket; remove it, a project is copied as plain files", name)
	}
	if err != nil {
		return err
	}
	f.entries = append(f.entries, one)
	if f.limit.Files > 0 && len(f.entries) > f.limit.Files {
		return fmt.Errorf("it has more than %d files and folders, and that is the most; remove what the project does not need, such as what can be installed again", f.limit.Files)
	}
	if f.limit.Bytes > 0 && f.Bytes > f.limit.Bytes {
		return fmt.Errorf("it has more than %d MiB, and that is the most (up to %s); keep data out of the folder, in a volume", f.limit.Bytes>>20, name)
	}
	return nil
}

// inside returns where a link leads, when that is in the folder or nowhere in it.
func inside(root *os.Root, name string) (string, error) {
	to, err := root.Readlink(filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	_, err = root.Stat(filepath.FromSlash(name))
	lexical := path.Join(path.Dir(name), filepath.ToSlash(to))
	if filepath.IsAbs(to) || lexical == ".." || strings.HasPrefix(lexical, "../") || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the link %s cannot be followed inside the folder; put a copy of what it points to there", name)
	}
	return to, nil
}

// Copy makes a new folder of all that was looked through, byte for byte and with modes, times and, for root, owners; but
// for the paths for which leave reports true, and all below them. What is not what it was when it was looked through is
// an error.
func (f *Folder) Copy(ctx context.Context, to string, leave func(name string) bool) error {
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return fmt.Errorf("copying the folder: %w", err)
	}
	defer root.Close()
	entries := slices.DeleteFunc(slices.Clone(f.entries), func(e tree.Entry) bool { return leave != nil && leave(e.Name) })
	err = tree.Copier{Root: root, Most: f.limit.Bytes, Owners: true}.Copy(ctx, to, entries)
	if errors.Is(err, tree.ErrGrew) {
		return fmt.Errorf("%w and has more than %d MiB; run the command again", err, f.limit.Bytes>>20)
	}
	return err
}
