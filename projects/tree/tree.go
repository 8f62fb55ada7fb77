// Package tree walks folders that people hand over, and copies files out of them. It knows how to read names of any bytes, such as those that an old
// zip file left in another encoding than UTF-8, and nothing of what the files are for.
package tree

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Walk is fs.WalkDir below a root, for names of any bytes: os.Root.FS and os.DirFS refuse those that are not UTF-8. It
// follows no links. Names are slash-separated and relative to the root, which is ".".
func Walk(root *os.Root, visit fs.WalkDirFunc) error {
	return fs.WalkDir(files{root}, ".", visit)
}

// files is what fs.WalkDir needs of a root.
type files struct{ root *os.Root }

// Open implements fs.FS.
func (f files) Open(name string) (fs.File, error) { return f.root.Open(filepath.FromSlash(name)) }

// ReadDir implements fs.ReadDirFS; the order is that of the names.
func (f files) ReadDir(name string) ([]fs.DirEntry, error) {
	dir, err := f.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// ErrGrew says that a folder has more bytes than may still be copied.
var ErrGrew = errors.New("the folder grew meanwhile")

// CopyFile copies an open file to a new one with that mode, whatever the umask. Left is how many bytes may still come, and
// is lowered by those that came; nil is any number. The error is ErrGrew when there are more. The caller closes from.
func CopyFile(from *os.File, to string, mode fs.FileMode, left *int64) error {
	// It may have been exchanged since somebody looked.
	if info, err := from.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(errors.New("it is no plain file any more; run the command again"), err)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(copyBytes(out, from, left), out.Chmod(mode), out.Close())
}

// copyBytes lets the system copy between files of one disk, which may share the bytes.
func copyBytes(out, from *os.File, left *int64) error {
	if left == nil {
		_, err := io.Copy(out, from)
		return err
	}
	n, err := io.Copy(out, io.LimitReader(from, *left+1))
	if *left -= n; err == nil && *left < 0 {
		return ErrGrew
	}
	return err
}
