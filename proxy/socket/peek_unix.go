//go:build unix && (!linux || portable)

package socket

import "syscall"

// readable reports that a read would return at once: with data, the end, or an error.
func readable(fd uintptr) bool {
	var peeked [1]byte
	_, waits := peek(fd, peeked[:])
	return !waits
}

// peek copies what a read would return at once, and reports whether it would wait.
func peek(fd uintptr, p []byte) (n int, waits bool) {
	for {
		n, _, err := syscall.Recvfrom(int(fd), p, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return max(n, 0), err == syscall.EAGAIN
		}
	}
}
