package projects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Limits of what is copied into a project: a folder named by mistake, such as a home folder, ends there.
const (
	maxSiteBytes = 1 << 30
	maxSiteFiles = 50_000
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

	limit   limits
	entries []siteEntry
}

type limits struct {
	files int
	bytes int64
}

// siteEntry is one file or folder, by slash-separated path inside the site.
type siteEntry struct {
	name   string
	folder bool
}

// OpenSite looks through a folder of files to serve. It refuses what cannot be served or should not be: links out of
// the folder, devices, sockets, too much of it. Nothing is kept open.
func OpenSite(dir string) (*Site, error) {
	return openSite(dir, limits{maxSiteFiles, maxSiteBytes})
}

func openSite(dir string, limit limits) (*Site, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("site folder %s: there is no such folder; name one with files to serve, or leave it out for a starter page", dir)
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
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return site.look(root, name, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("site folder %s: %w", dir, err)
	}
	return site, nil
}

// look takes note of one file or folder.
func (s *Site) look(root *os.Root, name string, entry fs.DirEntry) error {
	switch {
	case name == ".":
		return nil
	case strings.HasPrefix(entry.Name(), ".") && name != ".well-known":
		s.Skipped++
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	case entry.IsDir():
		s.entries = append(s.entries, siteEntry{name, true})
		return s.bounded()
	}
	info, err := target(root, name, entry)
	if err != nil {
		return err
	}
	s.Index = s.Index || name == "index.html"
	s.Files++
	s.Bytes += info.Size()
	s.entries = append(s.entries, siteEntry{name, false})
	return s.bounded()
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

func (s *Site) bounded() error {
	if len(s.entries) > s.limit.files {
		return fmt.Errorf("it has more than %d files and folders; name the folder with the finished site alone", s.limit.files)
	}
	if s.Bytes > s.limit.bytes {
		return tooLarge(s.limit.bytes)
	}
	return nil
}

func tooLarge(limit int64) error {
	return fmt.Errorf("it has more than %s; keep large files elsewhere and link to them", Size(limit))
}

// copyTo copies the files into a new folder. They are readable for everybody, whatever their modes and the umask: the
// server that reads them runs as nobody.
func (s *Site) copyTo(ctx context.Context, folder string) error {
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return fmt.Errorf("copying the site: %w", err)
	}
	defer root.Close()
	if err := makeFolder(folder); err != nil {
		return err
	}
	left := s.limit.bytes
	for _, entry := range s.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := filepath.Join(folder, filepath.FromSlash(entry.name))
		if entry.folder {
			err = makeFolder(to)
		} else {
			err = copyFile(root, entry.name, to, &left)
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", path.Join(s.Dir, entry.name), err)
		}
	}
	return nil
}

// copyFile copies what is inside root, also when the folder was changed since it was looked through.
func copyFile(root *os.Root, name, to string, left *int64) error {
	from, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	defer from.Close()
	if info, err := from.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(errors.New("it is no plain file any more; run the command again"), err)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(from, *left+1))
	if *left -= n; err == nil && *left < 0 {
		err = tooLarge(maxSiteBytes)
	}
	return errors.Join(err, os.Chmod(to, 0o644), out.Close())
}

// makeFolder makes a folder that everybody may read, whatever the umask.
func makeFolder(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// contains reports whether dir is folder or inside it; both are absolute and free of links.
func contains(folder, dir string) bool {
	rel, err := filepath.Rel(folder, dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
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
