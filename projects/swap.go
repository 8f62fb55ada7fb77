package projects

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// oldSite is where deployments before there were versions had, for a moment, the only copy of the files in force.
const oldSite = "old"

// recoverSwap ends the exchanges of a project's site that an earlier gateway left half done: the old files come back
// when those in force are gone.
func (s Store) recoverSwap(name Name) error {
	left, err := stages(s.beside(name), "site", name)
	for _, stage := range left {
		err = errors.Join(err, clearSwap(stage, filepath.Join(s.Dir(name), SiteFolder)))
	}
	return err
}

// clearSwap deletes a stage once the files in force are in place, and puts the old ones there when none are.
func clearSwap(stage, current string) error {
	_, err := os.Lstat(current)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.Rename(filepath.Join(stage, oldSite), current); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("%w; the old files are in %s", err, stage)
	}
	return os.RemoveAll(stage)
}
