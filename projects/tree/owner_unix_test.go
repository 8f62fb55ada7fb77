//go:build unix

package tree

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestReplaceFile_LeavesItToItsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	file := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(file, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, 1234, 4321); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceFile(file, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if is := info.Sys().(*syscall.Stat_t); is.Uid != 1234 || is.Gid != 4321 || info.Mode().Perm() != 0o640 {
		t.Errorf("it is %d:%d's, %v", is.Uid, is.Gid, info.Mode())
	}
}
