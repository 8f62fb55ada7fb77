package projects

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flush has all that was written to the disk of dir be on it.
func flush(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}
