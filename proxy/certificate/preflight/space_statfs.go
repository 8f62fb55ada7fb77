//go:build linux || darwin

package preflight

import "golang.org/x/sys/unix"

// freeBytes is what this user may still write to the disk of folder.
func freeBytes(folder string) (free int64, known bool) {
	var s unix.Statfs_t
	if unix.Statfs(folder, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:unconvert // not an int64 on every system
}
