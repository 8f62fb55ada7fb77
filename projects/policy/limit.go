package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The limits of a service without its own.
const (
	DefaultMemory  = 512 << 20 // bytes
	DefaultCPUs    = 1.0       // cores
	DefaultPids    = 256       // processes and threads
	DefaultLogSize = "10m"     // per file
	DefaultLogs    = "3"       // files
)

// DroppedCapabilities are those that a service does without unless it says otherwise: programs that serve the web need
// none of them. Device nodes and file capabilities outlive the container in a mounted folder, raw sockets speak for
// others on the network.
func DroppedCapabilities() []string { return []string{"AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP"} }

// The largest values of one service, and of one project. The rule limits can be lifted for more.
const (
	MaxMemory   = 2 << 30   // bytes, of all replicas of a service each
	MaxCPUs     = 2.0       // cores
	MaxShares   = 1024      // weight among others, which is what all have by default
	MaxPids     = 2048      // processes and threads
	MaxShm      = 1 << 30   // bytes
	MaxLogs     = 100 << 20 // bytes, of all files of a container
	MaxFiles    = 1 << 20   // open files, by ulimits
	MaxReplicas = 8
	MaxServices = 32
	MaxNetworks = 8

	// MaxLogBuffer is what logs of a container may take of the engine's own memory, in bytes.
	MaxLogBuffer = 8 << 20
	// MinInterval is how long it takes at least from one health check to the next: the engine starts a program for each.
	MinInterval = time.Second
	// MaxStop and MaxStart are how long a container may take to end and to become healthy: the commands wait for it.
	MaxStop  = 10 * time.Minute
	MaxStart = 24 * time.Hour
)

// harmlessCapabilities are those of Docker's default ones that stay inside the container.
var harmlessCapabilities = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// HarmlessCapability reports whether a service may have it without reaching beyond its container.
func HarmlessCapability(name string) bool {
	return slices.Contains(harmlessCapabilities, strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
}

// harmlessSysctls concern the container's own network alone.
var harmlessSysctls = []string{"net.core.somaxconn", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_port_range"}

// HarmlessSysctl reports whether it concerns the container's own network alone.
func HarmlessSysctl(name string) bool { return slices.Contains(harmlessSysctls, name) }

// HarmlessLogging reports whether a logging driver keeps to the machine and can be limited.
func HarmlessLogging(driver string) bool {
	return slices.Contains([]string{"", "json-file", "local", "none"}, driver)
}

// HarmlessSecurityOpt reports whether an option only takes rights away.
func HarmlessSecurityOpt(option string) bool {
	return slices.Contains([]string{"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"}, option)
}

// HarmlessUlimit reports whether a limit of that name may have that value; -1 is none. Memory and processes are bounded
// by other means.
func HarmlessUlimit(name string, value int64) bool {
	switch name {
	case "nofile":
		return value >= 0 && value <= MaxFiles
	case "rtprio", "nice", "rttime", "msgqueue", "sigpending":
		return false
	}
	return true
}

// LogBytes is how much disk the options of a logging driver allow one container, and whether they allow more than
// MaxLogs. What is not said counts as what is added.
func LogBytes(size, files string) (bytes int64, tooMuch bool) {
	size, files = DefaultLogOptions(size, files)
	each, ok := parseSize(size)
	count, err := strconv.ParseInt(files, 10, 64)
	if !ok || err != nil || count < 1 || each < 1 || count > MaxLogs || each > MaxLogs {
		return 0, true
	}
	return each * count, each*count > MaxLogs
}

// DefaultLogOptions fills in the options of a logging driver that are empty, so that both come to no more than MaxLogs.
func DefaultLogOptions(size, files string) (string, string) {
	if size == "" {
		size = DefaultLogSize
		if count, err := strconv.ParseInt(files, 10, 64); err == nil && count > MaxLogs/defaultLogBytes && count <= MaxLogs>>20 {
			size = fmt.Sprintf("%dm", (MaxLogs>>20)/count)
		}
	}
	if files == "" {
		files = DefaultLogs
		if each, ok := parseSize(size); ok && each > 0 && 3*each > MaxLogs {
			files = strconv.FormatInt(max(MaxLogs/each, 1), 10)
		}
	}
	return size, files
}

// defaultLogBytes is DefaultLogSize.
const defaultLogBytes = 10 << 20

// Size is a number of bytes as Compose reads it: 512m, or a bare number.
func Size(bytes int64) string {
	if bytes%(1<<20) == 0 {
		return fmt.Sprintf("%dm", bytes>>20)
	}
	return strconv.FormatInt(bytes, 10)
}

// LogBufferTooLarge reports whether a logging driver would keep more than MaxLogBuffer in the engine's memory, by its
// option max-buffer-size.
func LogBufferTooLarge(size string) bool {
	bytes, ok := parseSize(size)
	return size != "" && (!ok || bytes > MaxLogBuffer)
}

// parseSize reads a size as Docker writes them: 512m, 1.5g, 64MiB, 1048576. A unit is a power of 1024.
func parseSize(s string) (int64, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz ")
	unit := strings.TrimSpace(s[len(digits):])
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "b"), "i")
	shift := strings.Index("kmgtp", unit)
	factor := 1.0
	if unit != "" {
		if shift < 0 || len(unit) != 1 {
			return 0, false
		}
		for range shift + 1 {
			factor *= 1024
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n != n || n*factor > 1<<60 || n*factor < -1<<60 {
		return 0, false
	}
	return int64(n * factor), true
}

// TmpfsTooLarge reports whether the short form of a tmpfs, such as /tmp:size=64m, asks for more than MaxMemory.
func TmpfsTooLarge(spec string) bool {
	size, ok := TmpfsSize(spec)
	return !ok || size > MaxMemory
}

// TmpfsSize is the size that the short form of a tmpfs asks for: the last one that it says, which is what the kernel
// takes; 0 when it says none, or a part of the machine's memory. It is false for one that cannot be read.
func TmpfsSize(spec string) (bytes int64, ok bool) {
	_, options, _ := strings.Cut(spec, ":")
	ok = true
	for option := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(option), "=")
		switch key {
		case "size":
			if bytes, ok = parseSize(value); strings.HasSuffix(value, "%") {
				bytes, ok = 0, true
			}
		case "nr_blocks":
			blocks, err := strconv.ParseInt(value, 10, 32)
			bytes, ok = blocks*tmpfsBlock, err == nil
		}
	}
	return bytes, ok
}

// tmpfsBlock is how many bytes the option nr_blocks counts by, or more.
const tmpfsBlock = 64 << 10
