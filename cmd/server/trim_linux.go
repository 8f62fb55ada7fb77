package server

import (
	"runtime/debug"
	"syscall"

	"github.com/prometheus/procfs"
)

// trim gives back the memory that starting took: the garbage of initialization, and the pages of the program that
// nothing will need again. Those that are needed come back from the page cache, one by one. What cannot be given back
// stays.
func trim() {
	debug.FreeOSMemory()
	self, err := procfs.Self()
	if err != nil {
		return
	}
	program, err := self.Executable()
	if err != nil {
		return
	}
	maps, err := self.ProcMaps()
	if err != nil {
		return
	}
	for _, m := range maps {
		if m.Pathname == program && !m.Perms.Write {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, m.StartAddr, m.EndAddr-m.StartAddr, syscall.MADV_DONTNEED)
		}
	}
}
