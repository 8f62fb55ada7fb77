package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"gateway/projects/tree"
)

// Limits bound what is copied. 0 is no bound.
type Limits struct {
	// Files counts files, folders and links.
	Files int
	// Bytes is what the files hold together.
	Bytes int64
}

// Folder is somebody's folder that was looked through and can be copied.
type Folder struct {
	// Dir is the absolute path, links resolved.
	Dir   string
	Files int
	Bytes int64
	// Skipped are the folders of version control, which are not copied.
	Skipped []string

	limit   Limits
	entries []file
}

// file is one file, folder or link, by slash-separated path.
type file struct {
	name string
	mode fs.FileMode
	size int64
	when time.Time
	// link is where a link leads.
	link string
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
	one := file{name: name, mode: info.Mode(), when: info.ModTime()}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		one.link, err = inside(root, name)
	case info.Mode().IsRegular():
		one.size = info.Size()
		f.Files++
		f.Bytes += one.size
	case !info.IsDir():
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
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(to, 0o755); err != nil {
		return err
	}
	c := copying{root: root, to: to, limit: f.limit.Bytes, left: f.limit.Bytes}
	for _, e := range f.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if leave != nil && leave(e.name) {
			continue
		}
		if err := c.one(e); err != nil {
			return fmt.Errorf("copying %s: %w", path.Join(f.Dir, e.name), err)
		}
	}
	return nil
}

// copying is a copy under way.
type copying struct {
	root        *os.Root
	to          string
	limit, left int64
}

func (c *copying) one(e file) error {
	to := filepath.Join(c.to, filepath.FromSlash(e.name))
	switch {
	case e.mode.IsDir():
		// Its owner can write into it, whatever its mode: else it could be neither filled nor removed.
		if err := os.Mkdir(to, 0o700); err != nil {
			return err
		}
		if err := os.Chmod(to, e.mode.Perm()|0o700); err != nil {
			return err
		}
	case e.link != "":
		if err := os.Symlink(e.link, to); err != nil {
			return err
		}
	default:
		if err := c.file(e, to); err != nil {
			return err
		}
	}
	return c.owned(e.name, to)
}

// owned gives a copy the owner that the original has, where one may.
func (c *copying) owned(name, to string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := c.root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	uid, gid, ok := owner(info)
	if !ok {
		return nil
	}
	return os.Lchown(to, uid, gid)
}

func (c *copying) file(e file, to string) error {
	from, err := c.root.Open(filepath.FromSlash(e.name))
	if err != nil {
		return err
	}
	defer from.Close()
	var left *int64
	if c.limit > 0 {
		left = &c.left
	}
	err = tree.CopyFile(from, to, e.mode.Perm(), left)
	if errors.Is(err, tree.ErrGrew) {
		return fmt.Errorf("%w and has more than %d MiB; run the command again", err, c.limit>>20)
	}
	if err == nil {
		err = os.Chtimes(to, e.when, e.when)
	}
	return err
}
