//go:build unix

package site

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestSite_NeverOpensPipes(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.txt"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := serve(t, Config{Root: dir}, map[string]string{"a.txt": "a"})
	if r := ask(t, s, "GET", "/pipe.txt"); r.StatusCode != 404 { // an open without a writer would hang here
		t.Errorf("/pipe.txt: %d, want 404", r.StatusCode)
	}
}
