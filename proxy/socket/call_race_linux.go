//go:build linux && !portable && race

package socket

import "syscall"

// The race detector knows from package syscall that a write to a socket happens before the read of it.

func sysRead(fd uintptr, p []byte) (int, syscall.Errno) { return errnoOf(syscall.Read(int(fd), p)) }

func sysWrite(fd uintptr, p []byte) (int, syscall.Errno) { return errnoOf(syscall.Write(int(fd), p)) }

func errnoOf(n int, err error) (int, syscall.Errno) {
	if errno, ok := err.(syscall.Errno); ok {
		return max(n, 0), errno
	}
	return n, 0
}
