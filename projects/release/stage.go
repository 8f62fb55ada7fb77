package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Stage makes a hidden folder for a release that is not one yet. Until it is placed, Discard or Repair removes it.
func (h History) Stage() (dir string, err error) {
	if err := makeFolder(h.root()); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("making a version: %w", err)
	}
	dir, err = os.MkdirTemp(h.root(), stagePrefix)
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		return "", fmt.Errorf("making a version: %w", err)
	}
	return dir, nil
}

// Discard removes a stage that was not placed, and the folder of releases when there is none.
func (h History) Discard(stage string) error {
	err := os.RemoveAll(stage)
	// It only removes an empty folder.
	_ = os.Remove(h.root())
	return err
}

// makeFolder makes a folder that everybody may read, whatever the umask: servers run as nobody.
func makeFolder(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// describe counts the files of a folder; the time is that of the latest change in it.
func describe(dir string) (Release, error) {
	var r Release
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			r.Files++
			r.Bytes += info.Size()
		}
		if info.ModTime().After(r.Made) {
			r.Made = info.ModTime()
		}
		return nil
	})
	// Clocks go wrong; what is later than now would be taken for what was current last.
	if now := time.Now(); r.Made.After(now) {
		r.Made = now
	}
	r.Made = r.Made.UTC().Truncate(time.Second)
	r.Since = r.Made
	return r, err
}
