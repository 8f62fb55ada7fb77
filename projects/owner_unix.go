//go:build unix

package projects

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepOwner gives a new file to the owner of the one that it replaces, so that who runs one command as root can still
// edit it afterwards. Nobody but root can.
func keepOwner(next *os.File, before os.FileInfo) error {
	was, ok := before.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return next.Chown(int(was.Uid), int(was.Gid))
}

// writable reports whether this user may make files in a folder.
func writable(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }
