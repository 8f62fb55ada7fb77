//go:build unix

package tree

import (
	"os"
	"syscall"
)

// keepOwner gives a new file or link to the owner of the one that it replaces or is a copy of, so that a user whose file
// root changed can still edit it. Only root can.
func keepOwner(path string, before os.FileInfo) error {
	was, ok := before.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(path, int(was.Uid), int(was.Gid))
}
