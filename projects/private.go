package projects

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// privateMode is the mode of the projects folder and of each project's: a container's root may put a set-uid program into
// a folder that is mounted there, and nobody else of the machine may get to it. The engine mounts what is inside all the
// same, and a container sees the mount and not the way there.
const privateMode = 0o700

// Protect keeps others of the machine out of each project's folder and of the projects folder, also of those that were made
// before this was so. A folder that has others than projects in it, such as /srv, keeps its mode. What belongs to somebody
// else, and what cannot be written at all, is left as it is.
func (s Store) Protect() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return nil // none yet, or none of ours: who needs it will say so
	}
	shared := false
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") || !isFolder(s.root, entry) {
			continue
		}
		dir := filepath.Join(s.root, entry.Name())
		if !isThere(filepath.Join(dir, ComposeFile)) {
			shared = true
			continue
		}
		if err := protect(dir); err != nil {
			return err
		}
	}
	if shared {
		return nil
	}
	return protect(s.root)
}

// protect takes what others may do with a folder away.
func protect(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&^privateMode == 0 {
		return nil
	}
	err = os.Chmod(dir, info.Mode()&^(fs.ModePerm&^privateMode))
	if err == nil || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EROFS) {
		return nil
	}
	return fmt.Errorf("keeping others out of %s: %w", dir, err)
}

// makeRoot makes the projects folder, and those above it as everybody's are.
func (s Store) makeRoot() error {
	if err := os.MkdirAll(filepath.Dir(s.root), 0o755); err != nil {
		return unwritable(s.root, err)
	}
	if err := os.Mkdir(s.root, privateMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return unwritable(s.root, err)
	}
	return s.Protect()
}
