package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// filesystem mounts one of its own size on a folder until the test ends.
func filesystem(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("mounting a file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return dir
}

// addTo tries to add a project to a folder of projects, which must be refused, and returns what is said.
func addTo(t *testing.T, projects string, args ...string) string {
	t.Helper()
	out, err := exec.Command(lane.binary, append([]string{"--projects", projects, "add", "portfolio", "e2e-disk", "--path", "/e2e-disk"}, args...)...).CombinedOutput()
	if err == nil {
		_, _, _ = gateway("rm", "e2e-disk", "--yes")
		t.Fatalf("it was added: %s", out)
	}
	if left := docker(t, "ps", "-aq", "--filter", "label=com.docker.compose.project=e2e-disk"); left != "" {
		t.Errorf("containers were left: %s", left)
	}
	return string(out)
}

func TestAdd_RefusesAFullDisk(t *testing.T) {
	site := t.TempDir()
	if err := os.WriteFile(filepath.Join(site, "index.html"), bytes.Repeat([]byte("x"), 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	disk := filesystem(t, "size=512k")
	if said := addTo(t, disk, "--dir", site); !strings.Contains(said, disk) || !strings.Contains(said, "free") {
		t.Errorf("it says %s", said)
	}
}

func TestAdd_RefusesAReadOnlyRoot(t *testing.T) {
	disk := filesystem(t, "ro")
	if said := addTo(t, disk); !strings.Contains(said, disk) || !strings.Contains(said, "--projects") {
		t.Errorf("it says %s", said)
	}
}
