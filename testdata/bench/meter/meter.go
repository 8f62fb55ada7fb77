// Package meter reads from the kernel what a process and its descendants have used: processor time to the nanosecond and
// memory. It reads nothing that the processes say about themselves.
package meter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Tree returns a process and its descendants. Those that end meanwhile are left out.
func Tree(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, name := range lists {
			all = append(all, children(name)...)
		}
	}
	return all
}

func children(list string) []int {
	var all []int
	text, _ := os.ReadFile(list)
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			all = append(all, child)
		}
	}
	return all
}

// CPU is the processor time, in user and kernel mode, of all threads that a process and its descendants have and had. It
// is the clock of clock_getcpuclockid(3), which has nanoseconds where /proc/PID/stat has ticks of 10 ms. What the
// kernel does for them in soft interrupts is in it, unless it accounts for interrupts apart (CONFIG_IRQ_TIME_ACCOUNTING).
func CPU(pid int) (time.Duration, error) {
	const processWide = 2 // CPUCLOCK_SCHED
	var sum time.Duration
	for _, p := range Tree(pid) {
		var t syscall.Timespec
		clock := int32(^p<<3 | processWide)
		if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
			return 0, fmt.Errorf("reading the clock of process %d: %w", p, errno)
		}
		sum += time.Duration(t.Nano())
	}
	waited, err := ended(pid)
	return sum + waited, err
}

// tick is the unit of times in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// ended is the processor time of a process's children that have ended and were waited for.
func ended(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the time of ended processes: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, fmt.Errorf("reading the time of ended processes: %q", text)
	}
	user, errUser := strconv.Atoi(fields[13])
	system, errSystem := strconv.Atoi(fields[14])
	return time.Duration(user+system) * tick, errors.Join(errUser, errSystem)
}

// Core is how long a core has worked for anybody since the machine started, in user and kernel mode, to 10 ms.
func Core(core int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("reading a core's time: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 9 || fields[0] != fmt.Sprintf("cpu%d", core) {
			continue
		}
		ticks := 0
		for _, i := range []int{1, 2, 3, 6, 7, 8} { // user, nice, system, irq, softirq, steal
			n, err := strconv.Atoi(fields[i])
			if err != nil {
				return 0, fmt.Errorf("reading a core's time: %w", err)
			}
			ticks += n
		}
		return time.Duration(ticks) * tick, nil
	}
	return 0, fmt.Errorf("reading a core's time: there is no core %d", core)
}

// Memory is what a process and its descendants have in memory, in bytes.
type Memory struct {
	RSS  int // resident
	PSS  int // resident, with shared pages divided among those that share them
	Anon int // of the PSS, what no file backs: heap and stacks
	File int // of the PSS, what files back: the program
}

// Resident reads the memory of a process and its descendants from smaps_rollup.
func Resident(pid int) (Memory, error) {
	var m Memory
	for _, p := range Tree(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			return Memory{}, fmt.Errorf("reading memory: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			m.add(line)
		}
	}
	return m, nil
}

func (m *Memory) add(line string) {
	name, value, _ := strings.Cut(line, ":")
	kilobytes, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
	if err != nil {
		return
	}
	switch name {
	case "Rss":
		m.RSS += kilobytes << 10
	case "Pss":
		m.PSS += kilobytes << 10
	case "Pss_Anon":
		m.Anon += kilobytes << 10
	case "Pss_File":
		m.File += kilobytes << 10
	}
}
