// Package tree walks folders that people hand over, and copies files out of them. It knows how to read names of any bytes, such as those that an old
// zip file left in another encoding than UTF-8, and nothing of what the files are for.
package tree

import (
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
