package proxy

import (
	"bytes"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"
)

// number is the value of an environment variable, otherwise if it is not set.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// openFiles is the number of open descriptors, 0 where the system does not say.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// settledFiles waits until earlier tests have closed their descriptors, and returns how many are open.
func settledFiles(t *testing.T) int {
	t.Helper()
	last, since := -1, time.Now()
	eventually(t, "the number of descriptors stands still", func() bool {
		runtime.GC()
		if now := openFiles(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 100*time.Millisecond
	})
	return last
}

// noGoroutines waits until there is no goroutine with that label.
func noGoroutines(t *testing.T, label string) {
	t.Helper()
	var left string
	defer func() {
		if t.Failed() {
			t.Log(left)
		}
	}()
	eventually(t, "all goroutines have ended", func() bool { left = labelled(label); return left == "" })
}

// labelled returns the stacks of the goroutines with that label.
func labelled(label string) string {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
	var found []string
	for group := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(group, `"`+label+`":`) {
			found = append(found, group)
		}
	}
	return strings.Join(found, "\n\n")
}
