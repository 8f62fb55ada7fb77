//go:build unix

package projects

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// TestPostgreSQL_LoadsWhatItDumped runs the scripts as a container of the database would, on servers of this machine.
func TestPostgreSQL_LoadsWhatItDumped(t *testing.T) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		t.Skip("the scripts for PostgreSQL were not tested: it is not installed here")
	}
	dir, err := os.MkdirTemp("/tmp", "pg") // A socket's path must be short.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, script := range []string{"dump/postgresql.sh", "testdata/postgresql.sh"} {
		text, err := os.ReadFile(script)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(filepath.Dir(script))+".sh"), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "sh", dir+"/testdata.sh", dir+"/dump.sh", dir, filepath.Dir(found[len(found)-1]))
	c.Dir = dir
	if os.Geteuid() == 0 {
		// The server refuses to run as root.
		c.SysProcAttr = &syscall.SysProcAttr{Credential: serverUser(t, dir)}
	}
	out, err := c.CombinedOutput()
	if want := "it's\n\\two\nt\n1000\n7\n"; err != nil || string(out) != want {
		t.Errorf("%v: got %q, want %q", err, out, want)
	}
}

// serverUser is the user that servers of PostgreSQL run as, who gets the folder.
func serverUser(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skipf("the scripts for PostgreSQL were not tested: %v", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
