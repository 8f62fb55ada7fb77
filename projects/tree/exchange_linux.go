package tree

import "golang.org/x/sys/unix"

// Exchange swaps two files or folders in one step. The error wraps unix.EINVAL or unix.ENOSYS where the file system cannot.
func Exchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
