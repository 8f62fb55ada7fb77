package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gateway/projects/tree"
)

// Make makes a stage, a folder that Change.Stage named, readable for everybody. Repair removes what is left of it.
func (h History) Make(stage string) error {
	for _, dir := range []string{h.root(), stage} {
		if err := tree.MakeFolder(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("making a version: %w", err)
		}
	}
	return nil
}

// Discard removes the stages that were not placed, and the folder of releases when there is none.
func (c *Change) Discard() error {
	var err error
	for n := range c.stages {
		err = errors.Join(err, os.RemoveAll(c.stage(n+1)))
	}
	// It only removes an empty folder.
	_ = os.Remove(c.history.root())
	return err
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
