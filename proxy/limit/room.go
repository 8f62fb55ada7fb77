package limit

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// Room is what this process may use at most. 0 is what is not known, and bounds nothing.
type Room struct {
	// Memory is in bytes: the least of what its control groups allow, of GOMEMLIMIT, and of what the machine has.
	Memory int64
	// Files is how many descriptors it may have open.
	Files uint64
}

const (
	// reserve is the memory that is nobody's: the program, the table, logs. A small process keeps a quarter.
	reserve = 64 << 20
	// requestBytes is what a request under way takes whose body or answer does not go on: an exchange with its buffers,
	// goroutines, a connection to a target, and what HTTP/2 and the kernel hold of a body that nobody reads. connBytes is
	// what a connection takes on which nothing is under way, with TLS and HTTP/2.
	requestBytes, connBytes = 128 << 10, 32 << 10
	// Requests get half of the memory and connections a quarter; the last one is the garbage collector's.
	requestShare, connShare = 2, 4
	// spareFiles are for unused connections to targets, logs, and the gateway's own. Of the others connections get half,
	// one each. Requests get the rest, two each: a connection to a target and, for large bodies, a share of a pipe.
	spareFiles   = 256
	requestFiles = 2
	// least is what there is room for however small the process is.
	least = 16
)

// Measure finds out what this process may use now.
func Measure() Room {
	room := Room{Memory: machineMemory(os.DirFS("/")), Files: openFiles()}
	for _, most := range []int64{groupMemory(os.DirFS("/")), memoryLimit()} {
		room.Memory = lesser(room.Memory, most)
	}
	return room
}

// Contain makes the garbage collector work harder before a control group's memory is used up, unless GOMEMLIMIT says when.
func Contain() {
	if most := groupMemory(os.DirFS("/")); most > 0 && memoryLimit() == 0 {
		debug.SetMemoryLimit(most / 10 * 9)
	}
}

// memoryLimit is GOMEMLIMIT, 0 for none. What Contain has set is none.
func memoryLimit() int64 {
	if most := debug.SetMemoryLimit(-1); os.Getenv("GOMEMLIMIT") != "" && most < math.MaxInt64 {
		return most
	}
	return 0
}

// Requests is how many requests may be under way at once, 0 for no bound.
func (r Room) Requests() int {
	return fewer(r.memoryFor(requestShare, requestBytes), r.filesFor(requestFiles))
}

// Conns is how many connections may be open at once, 0 for no bound.
func (r Room) Conns() int { return fewer(r.memoryFor(connShare, connBytes), r.filesFor(1)) }

// fewer is the lesser of two numbers of which 0 is no bound.
func fewer(a, b int) int { return int(lesser(int64(a), int64(b))) }

func lesser(a, b int64) int64 {
	switch {
	case a == 0:
		return b
	case b == 0:
		return a
	}
	return min(a, b)
}

// memoryFor is for how many the memory has room that get such a share of it and take as much each.
func (r Room) memoryFor(share, each int64) int {
	if r.Memory <= 0 {
		return 0
	}
	return int(min(max((r.Memory-min(reserve, r.Memory/4))/share/each, least), math.MaxInt32))
}

// filesFor is the same for descriptors, of which half are shared out.
func (r Room) filesFor(each uint64) int {
	if r.Files == 0 || r.Files > math.MaxInt32 {
		return 0
	}
	return int(max((max(r.Files, spareFiles)-spareFiles)/2/each, least))
}

// machineMemory is what the machine has (proc(5)), 0 if that cannot be seen.
func machineMemory(root fs.FS) int64 {
	info, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(info)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" {
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 44)
			return kilobytes << 10
		}
	}
	return 0
}

// groups is where control groups are mounted (cgroups(7)), in a container that of its own.
const groups = "sys/fs/cgroup"

// groupMemory is the least that a control group of this process, version 1 or 2, or one above it allows; 0 if none does.
func groupMemory(root fs.FS) int64 {
	list, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	var most int64
	for line := range strings.Lines(string(list)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch kinds := strings.Split(fields[1], ","); {
		case fields[0] == "0" && fields[1] == "":
			// Being above memory.high costs a group its processor time.
			most = lesser(most, leastAbove(root, groups, fields[2], "memory.max", "memory.high"))
		case slices.Contains(kinds, "memory"):
			most = lesser(most, leastAbove(root, groups+"/memory", fields[2], "memory.limit_in_bytes"))
		}
	}
	return most
}

// leastAbove is the least number in files of that name of a group and of those above it. In a container with the groups of
// the machine in view, its own is at the top.
func leastAbove(root fs.FS, mount, group string, files ...string) (most int64) {
	for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
		for _, file := range files {
			content, err := fs.ReadFile(root, path.Join(mount, dir, file))
			if err != nil {
				continue
			}
			// "max" is no number. Version 1 has a number for no limit, more than any machine has.
			if n, err := strconv.ParseInt(string(bytes.TrimSpace(content)), 10, 64); err == nil && n > 0 && n < 1<<60 {
				most = lesser(most, n)
			}
		}
		if dir == "/" {
			return most
		}
	}
}
