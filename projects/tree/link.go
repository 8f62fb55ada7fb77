package tree

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Link makes a new folder with hard links to the files of another, and links like its own: for who looks at the files in
// another place, and changes none. It may fail half way, as on disks that have no hard links.
func Link(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		fresh := filepath.Join(to, name)
		switch {
		case entry.IsDir():
			return os.Mkdir(fresh, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, fresh)
		}
		return os.Link(path, fresh)
	})
}
