package templates

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Size is a number of bytes. Scaffolds print it as PHP and Compose write it, 64M, and as labels do with IEC.
type Size int64

var sizeForm = regexp.MustCompile(`^([0-9]{1,18})([kKmMgG]?)([iI]?[bB])?$`)

// ParseSize reads a size of more than nothing such as 64M, 512K, 2G or a number of bytes. K, M and G are powers of
// 1024, also when they are written KB or MiB.
func ParseSize(s string) (Size, error) {
	parts := sizeForm.FindStringSubmatch(s)
	if parts == nil {
		return 0, fmt.Errorf("%q is no size; write one such as 64M or 2G", s)
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	unit := int64(1) << map[string]int{"": 0, "k": 10, "m": 20, "g": 30}[strings.ToLower(parts[2])]
	if err != nil || n == 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is no size that anything can have; write one such as 64M or 2G", s)
	}
	return Size(n * unit), nil
}

// String is the shortest exact form, such as 64M.
func (s Size) String() string { return s.with("K", "M", "G") }

// IEC is the form with binary units, such as 64MiB.
func (s Size) IEC() string { return s.with("KiB", "MiB", "GiB") }

// Plus adds a size, which has to be well formed.
func (s Size) Plus(more string) (Size, error) {
	n, err := ParseSize(more)
	return s + n, err
}

// Per is how many times another size, which has to be well formed, fits into it: once at least.
func (s Size) Per(each string) (int, error) {
	n, err := ParseSize(each)
	if err != nil {
		return 0, err
	}
	return max(int(s/n), 1), nil
}

func (s Size) with(kilo, mega, giga string) string {
	switch {
	case s%(1<<30) == 0:
		return strconv.FormatInt(int64(s>>30), 10) + giga
	case s%(1<<20) == 0:
		return strconv.FormatInt(int64(s>>20), 10) + mega
	case s%(1<<10) == 0:
		return strconv.FormatInt(int64(s>>10), 10) + kilo
	}
	return strconv.FormatInt(int64(s), 10)
}
