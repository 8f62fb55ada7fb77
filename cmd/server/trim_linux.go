package server

import (
	"bufio"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// trim gives back the memory that starting took: the garbage of initialization, and the pages of the program that
// nothing will need again. Those that are needed come back from the page cache, one by one. What cannot be given back
// stays.
func trim() {
	debug.FreeOSMemory()
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if from, to, ok := readOnly(lines.Text(), program); ok {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED)
		}
	}
}

// readOnly reads a line of /proc/self/maps (proc(5)): where a mapping of that file is, if nobody can have changed it.
func readOnly(line, file string) (from, to uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 6 || fields[5] != file || strings.Contains(fields[1], "w") {
		return 0, 0, false
	}
	first, last, found := strings.Cut(fields[0], "-")
	start, err := strconv.ParseUint(first, 16, 8*int(unsafe.Sizeof(from)))
	if !found || err != nil {
		return 0, 0, false
	}
	end, err := strconv.ParseUint(last, 16, 8*int(unsafe.Sizeof(to)))
	return uintptr(start), uintptr(end), err == nil && start < end
}
