package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// What one service gets that says nothing of it.
const (
	DefaultMemory  = 512 << 20 // bytes
	DefaultCPUs    = 1.0       // cores
	DefaultPids    = 256       // processes and threads
	DefaultLogSize = "10m"     // per file
	DefaultLogs    = "3"       // files
)

// What one service may say, and one project may have. More is for those who are trusted by the rule limits.
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
)

// harmlessCapabilities are those that Docker gives to every container: to add one after dropping all adds nothing.
var harmlessCapabilities = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
	"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// HarmlessCapability reports whether every container has it by default.
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
	if size == "" {
		size = DefaultLogSize
	}
	if files == "" {
		files = DefaultLogs
	}
	each, ok := parseSize(size)
	count, err := strconv.ParseInt(files, 10, 64)
	if !ok || err != nil || count < 1 || each < 1 || count > MaxLogs || each > MaxLogs {
		return 0, true
	}
	return each * count, each*count > MaxLogs
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
