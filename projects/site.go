package projects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gateway/projects/release"
	"gateway/projects/tree"
)

// Site is a folder of files that was looked through and can be copied into a project.
type Site struct {
	// Dir is the absolute path, links resolved.
	Dir   string
	Files int
	Bytes int64
	// Skipped are the files and folders whose names start with a dot, such as .git; they are not copied.
	Skipped int
	// Index reports whether there is an index.html at the top.
	Index bool

	limit   Limits
	entries []tree.Entry

	// suspects are for Unfit; private counts the files that only their owner may read.
	suspects []suspect
	private  int
	// notUTF8 and backslashes count the names that Warnings are about.
	notUTF8, backslashes int
}

// OpenSite looks through a folder of files to serve. It refuses what cannot be served or should not be: links out of
// the folder, devices, sockets, too much of it. Nothing is kept open.
func OpenSite(dir string, limit Limits) (*Site, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("site folder %s: there is no such folder; name one with files to serve", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("site folder: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("site folder %s: it is a file; name the folder that it is in", dir)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("site folder: %w", err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, fmt.Errorf("site folder: %w", err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("site folder: %w", err)
	}
	defer root.Close()
	site := &Site{Dir: abs, limit: limit}
	if err := site.walk(root); err != nil {
		return nil, fmt.Errorf("site folder %s: %w", dir, err)
	}
	return site, nil
}

// walk looks at all there is. Beyond a limit it only counts, to tell where most of it is.
func (s *Site) walk(root *os.Root) error {
	var count tally
	err := tree.Walk(root, func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = s.look(root, name, entry, &count)
		}
		if s.exceeded(count) {
			// What else is wrong with it does not matter any more.
			s.entries = nil
			return count.goOn(err)
		}
		return err
	})
	if s.exceeded(count) {
		return count.refuse(s.limit)
	}
	return err
}

// look takes note of one file or folder.
func (s *Site) look(root *os.Root, name string, entry fs.DirEntry, count *tally) error {
	switch {
	case name == ".":
		return nil
	case unseen(name, entry):
		s.Skipped++
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	case entry.IsDir():
		count.add(name, true, 0)
		s.inspectName(entry.Name())
		s.entries = append(s.entries, tree.Entry{Name: name, Mode: fs.ModeDir | 0o755})
		return nil
	}
	info, err := target(root, name, entry)
	if err != nil {
		return err
	}
	count.add(name, false, info.Size())
	s.inspect(root, name, info)
	s.Index = s.Index || name == "index.html"
	s.Files++
	s.Bytes += info.Size()
	s.entries = append(s.entries, tree.Entry{Name: name, Mode: 0o644, Size: info.Size()})
	return nil
}

// target is the regular file behind an entry.
func target(root *os.Root, name string, entry fs.DirEntry) (fs.FileInfo, error) {
	if entry.Type()&fs.ModeSymlink == 0 {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is no file but a device, a pipe or a socket; remove it, a site has plain files only", name)
		}
		return info, nil
	}
	info, err := root.Stat(filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the link %s points to nothing; remove it or put the file there", name)
	case err != nil:
		return nil, fmt.Errorf("the link %s cannot be followed inside the folder; put a copy of what it points to there", name)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the link %s does not point to a file; put a copy of the folder there", name)
	}
	return info, nil
}

// copyTo copies the files into a new folder. They are readable for everybody, whatever their modes and the umask: the
// server that reads them runs as nobody.
func (s *Site) copyTo(ctx context.Context, folder string) error {
	return s.copyOver(ctx, folder, "", release.Changes{})
}

// copyOver is copyTo, but files that stay the same are copied from those in base, with their times: so downloads that are
// taken up again fit, and disks that can share what is equal do.
func (s *Site) copyOver(ctx context.Context, folder, base string, changes release.Changes) error {
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return fmt.Errorf("copying the site: %w", err)
	}
	defer root.Close()
	entries := slices.Clone(s.entries)
	if len(changes.Same) > 0 {
		earlier, err := os.OpenRoot(base)
		if err != nil {
			return fmt.Errorf("copying the site: %w", err)
		}
		defer earlier.Close()
		for i, e := range entries {
			if changed, same := changes.Same[e.Name]; same {
				entries[i].From, entries[i].Time = earlier, changed
			}
		}
	}
	err = tree.Copier{Root: root, Most: s.limit.Bytes}.Copy(ctx, folder, entries)
	if errors.Is(err, tree.ErrGrew) {
		return fmt.Errorf("%w and has more than %s ($GATEWAY_MAX_SIZE, or --max-size of deploy); run the command again", err, Size(s.limit.Bytes))
	}
	return err
}

// Files is a number of files in words.
func Files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// Size shows a number of bytes for people.
func Size(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	value, prefix := float64(bytes)/unit, 0
	for value >= unit && prefix < 4 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[prefix])
}
