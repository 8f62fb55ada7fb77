package projects

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// spareBytes have to stay free beside what a project takes itself.
const spareBytes = 64 << 20

// checkRoom really writes to the projects folder, or to the nearest folder above it that exists, and asks the disk
// whether need bytes and some to spare are free. It leaves nothing behind.
func (s Store) checkRoom(need int64) error {
	dir, err := nearest(s.root)
	if err != nil {
		return unwritable(s.root, err)
	}
	probe, err := os.CreateTemp(dir, ".gateway-probe-")
	if err != nil {
		return unwritable(s.root, err)
	}
	_, writeErr := probe.WriteString("x")
	if err := errors.Join(writeErr, probe.Close(), os.Remove(probe.Name())); err != nil {
		return unwritable(s.root, diskFull(err))
	}
	free, known := freeBytes(dir)
	if known && free < need+spareBytes {
		return fmt.Errorf("the disk of %s has %s free, and the project needs %s; make room, or name a folder on another disk with --projects",
			s.root, Size(free), Size(need+spareBytes))
	}
	return nil
}

// nearest is dir or the first folder above it that exists.
func nearest(dir string) (string, error) {
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return "", fmt.Errorf("%s is a file", dir)
		case err == nil:
			return dir, nil
		case !errors.Is(err, os.ErrNotExist) || filepath.Dir(dir) == dir:
			return "", err
		}
		dir = filepath.Dir(dir)
	}
}
