package policy

import (
	"strconv"
	"strings"
)

func checkMemory(c *check, e entry) {
	most := int64(MaxMemory)
	switch c.keys[len(c.keys)-1] {
	case "shm_size":
		most = MaxShm
	case "memswap_limit":
		most = 2 * MaxMemory
	}
	if bytes, ok := parseSize(c.text(e.value)); ok && (bytes > most || bytes < 0) {
		c.find(Limits, e.line, "%s is more than %d MiB", shown(c.text(e.value)), most>>20)
	}
}

func checkCpus(c *check, e entry) {
	if n, err := strconv.ParseFloat(c.text(e.value), 64); err == nil && !(n >= 0 && n <= MaxCPUs) {
		c.find(Limits, e.line, "%s is more than %g CPUs", shown(c.text(e.value)), MaxCPUs)
	}
}

func checkShares(c *check, e entry) {
	if n, err := strconv.ParseInt(c.text(e.value), 10, 64); err == nil && n > MaxShares {
		c.find(Limits, e.line, "a weight of %d is more than the %d of others", n, MaxShares)
	}
}

func checkPids(c *check, e entry) {
	if n, err := strconv.ParseInt(c.text(e.value), 10, 64); err == nil && (n < 0 || n > MaxPids) {
		c.find(Limits, e.line, "%d is more than %d processes", n, MaxPids)
	}
}

func checkReplicas(c *check, e entry) {
	if n, err := strconv.ParseInt(c.text(e.value), 10, 64); err == nil && n > MaxReplicas {
		c.find(Limits, e.line, "%d is more than %d replicas", n, MaxReplicas)
	}
}

func checkScore(c *check, e entry) {
	if strings.HasPrefix(strings.TrimSpace(c.text(e.value)), "-") {
		c.find(Cgroup, e.line, "others would be ended in its stead when memory runs out")
	}
}

// checkTmpfs counts as the container's memory, which has its limit; a size above that is a mistake.
func checkTmpfs(c *check, e entry) {
	for _, item := range items(e.value) {
		if TmpfsTooLarge(c.text(item)) {
			c.find(Limits, item.Line, "%s is more than %d MiB", shown(c.text(item)), MaxMemory>>20)
		}
	}
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

// checkStorage takes a size alone: other options are the storage driver's own.
func checkStorage(c *check, e entry) {
	for _, p := range c.pairs(e.value) {
		if p.key != "size" {
			c.find(Limits, p.line, "option %s is the storage driver's own", shown(p.key))
		}
	}
}
