//go:build linux || darwin

package limit

import "syscall"

// openFiles is how many files this process may have open, 0 if there is no limit or it cannot be read. The runtime has
// already raised the soft limit to the hard one.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return limit.Cur
}
