package cmd

import (
	"strings"
	"testing"

	"gateway/projects"
)

func TestDiskWarnings_TellEachLowDiskOnce(t *testing.T) {
	disks := map[string]projects.Disk{"/srv": {Free: 5 << 30, Size: 100 << 30}, "/var": {Free: 5 << 30, Size: 100 << 30}, "/big": {Free: 50 << 30, Size: 100 << 30}}
	got := lowDisks([]string{"/srv", "/var", "/big", "/unknown"}, func(dir string) (projects.Disk, bool) {
		d, known := disks[dir]
		return d, known
	})
	if len(got) != 1 || !strings.HasPrefix(got[0], "the disk of /srv is nearly full: 5.0 GiB of 100.0 GiB is free; see what takes it: gateway stats") {
		t.Errorf("it warns %q", got)
	}
}
