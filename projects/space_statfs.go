//go:build linux || darwin

package projects

import "golang.org/x/sys/unix"

// freeBytes is what this user may still write to the disk of dir.
func freeBytes(dir string) (free int64, known bool) {
	d, known := diskOf(dir)
	return d.Free, known
}

func diskOf(dir string) (Disk, bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return Disk{}, false
	}
	block := int64(s.Bsize) //nolint:unconvert // not an int64 on every system
	return Disk{Free: int64(s.Bavail) * block, Size: int64(s.Blocks) * block}, true
}
