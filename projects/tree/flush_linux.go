package tree

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Flush writes everything that is buffered for the file system of dir to its disk.
func Flush(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}
