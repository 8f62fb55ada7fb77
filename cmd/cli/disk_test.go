package cli

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/projects"
	"gateway/proxy/docker"
)

func TestDiskWarnings_TellEachLowDiskOnce(t *testing.T) {
	disks := map[string]projects.Disk{"/srv": {Free: 5 << 30, Size: 100 << 30}, "/var": {Free: 5 << 30, Size: 100 << 30}, "/big": {Free: 50 << 30, Size: 100 << 30}}
	got := lowDisks([]string{"/srv", "/var", "/big", "/unknown"}, func(dir string) (projects.Disk, bool) {
		d, known := disks[dir]
		return d, known
	})
	if len(got) != 1 || !strings.HasPrefix(got[0], "the disk of /srv is nearly full: 5.0 GiB of 100.0 GiB is free; see what uses it: gateway stats --disk") {
		t.Errorf("it warns %q", got)
	}
}

// An engine that takes connections and never answers holds up no list.
func TestDiskWarnings_WaitForNoEngineThatHangs(t *testing.T) {
	t.Parallel()
	// Unix sockets have short names, shorter than the folders of tests.
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := sessionOn(t, "unix://"+socket)
	for _, warning := range s.DiskWarnings(t.Context()) {
		t.Log(warning)
	}
}

func sessionOn(t *testing.T, host string) *Session {
	t.Helper()
	store, err := projects.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := docker.New(host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	return &Session{Env: &Env{}, Host: host, Store: store, Engine: engine}
}
