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

// Room is what this process may use at most. 0 means that it is not known, and is no bound.
type Room struct {
	// Memory is in bytes: the least of the limits of its control groups, GOMEMLIMIT, and the memory of the machine.
	Memory int64
	// Files is how many descriptors it may have open.
	Files uint64
}

const (
	// reserve is the memory for the program, the table and logs. A small process reserves a quarter.
	reserve = 64 << 20
	// requestBytes is the memory of a request whose body or response is stalled: an exchange with its buffers, goroutines, a
	// connection to a target, and what HTTP/2 and the kernel buffer of the body. connBytes is that of an idle connection with
	// TLS and HTTP/2.
	requestBytes, connBytes = 128 << 10, 32 << 10
	// Requests get half of the memory and connections a quarter; the last quarter is for the garbage collector.
	requestShare, connShare = 2, 4
	// spareFiles are for idle connections to targets, for logs and for the gateway itself. Connections get half of the others,
	// one each. Requests get the rest, two each: a connection to a target and, for large bodies, a share of a pipe.
	spareFiles   = 256
	requestFiles = 2
	// least is the least bound, however small the process is.
	least = 16
)

// Measure reads what this process may use now.
func Measure() Room {
	room := Room{Memory: machineMemory(os.DirFS("/")), Files: openFiles()}
	for _, most := range []int64{groupMemory(os.DirFS("/")), memoryLimit()} {
		room.Memory = lesser(room.Memory, most)
	}
	return room
}

// Contain sets the memory limit of the garbage collector to nine tenths of the control group's, unless GOMEMLIMIT is set.
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

// memoryFor is how many fit into one share-th of the memory, with so many bytes each.
func (r Room) memoryFor(share, each int64) int {
	if r.Memory <= 0 {
		return 0
	}
	return int(min(max((r.Memory-min(reserve, r.Memory/4))/share/each, least), math.MaxInt32))
}

// filesFor is how many fit into half of the descriptors, with so many each.
func (r Room) filesFor(each uint64) int {
	if r.Files == 0 || r.Files > math.MaxInt32 {
		return 0
	}
	return int(max((max(r.Files, spareFiles)-spareFiles)/2/each, least))
}

// machineMemory is the memory of the machine (proc(5)), 0 if that cannot be read.
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

// groups is where control groups are mounted (cgroups(7)); in a container, its own.
const groups = "sys/fs/cgroup"

// groupMemory is the least limit of the control groups of this process, version 1 or 2, and of those above; 0 for none.
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
			// A group above memory.high is throttled.
			most = lesser(most, leastAbove(root, groups, fields[2], "memory.max", "memory.high"))
		case slices.Contains(kinds, "memory"):
			most = lesser(most, leastAbove(root, groups+"/memory", fields[2], "memory.limit_in_bytes"))
		}
	}
	return most
}

// leastAbove is the least number in files of that name of a group and of those above it. In a container that sees the
// groups of the machine, its own is at the top.
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
