//go:build linux || darwin

package server

import (
	"errors"
	"os"
	"syscall"
)

// checkListens returns an error unless the file is a stream socket that listens. Others would fail only when the first
// client is awaited, or never have any.
func checkListens(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var listens int
	var failed error
	err = raw.Control(func(fd uintptr) {
		listens, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if listens == 0 {
		return errors.New("it does not listen")
	}
	return nil
}
