//go:build unix && (!linux || portable)

package socket

import "syscall"

// readable reports that a read would return at once: with data, the end, or an error.
func readable(fd uintptr) bool {
	var peeked [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), peeked[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}
