//go:build linux || darwin

package limit

import "syscall"

// openFiles is how many files this process may have open, 0 if there is no limit or it cannot be seen. The runtime has
// raised the limit as far as it may already.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return limit.Cur
}
