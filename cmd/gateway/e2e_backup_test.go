package main_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// archive backs a project up and returns the archive, which goes when the test ends.
func archiveOf(t *testing.T, name string, args ...string) string {
	t.Helper()
	file := strings.TrimSpace(must(t, append([]string{"backup", name}, args...)...))
	t.Cleanup(func() { os.Remove(file) })
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the archive %q: %v", file, err)
	}
	return file
}

// TestBackup_BringsAFolderAndAVolumeBack is a project that keeps its data in a volume: it comes back after it was removed,
// and a second one of it runs beside the first, at another path.
func TestBackup_BringsAFolderAndAVolumeBack(t *testing.T) {
	need(t, "codercom/code-server:latest")
	t.Cleanup(func() { gateway("rm", "e2e-kept", "--yes") })
	t.Cleanup(func() { gateway("rm", "e2e-kept-too", "--yes") })
	must(t, "add", "dev", "e2e-kept", "--path", "/e2e-kept")
	secret, err := os.ReadFile(filepath.Join(lane.projects, "e2e-kept", "secrets", "password"))
	if err != nil {
		t.Fatal(err)
	}
	c := browser(t)
	login := func(path string) string {
		at := site + path
		right := url.Values{"password": {strings.TrimSpace(string(secret))}}.Encode()
		if a, _ := send(t, c, "POST "+at+"/login", right, "Content-Type", form); a.status != http.StatusOK {
			t.Fatalf("the password gets %d at %s: %s", a.status, path, a.body)
		}
		return at + "/files/notes.txt"
	}
	if a, _ := send(t, c, "PUT "+login("/e2e-kept"), "of mine"); a.status != http.StatusNoContent {
		t.Fatalf("saving: %d %s", a.status, a.body)
	}
	file := archiveOf(t, "e2e-kept")
	must(t, "backup", "verify", file)
	if out := must(t, "backup", "ls", "e2e-kept"); !strings.Contains(out, filepath.Base(file)) {
		t.Errorf("the list says %s", out)
	}
	must(t, "restore", file, "e2e-kept-too", "--path", "/e2e-kept-too")
	if a, _ := send(t, c, "GET "+login("/e2e-kept-too"), ""); a.body != "of mine" {
		t.Errorf("the second one has %d %s", a.status, a.body)
	}
	must(t, "rm", "e2e-kept", "--yes")
	must(t, "restore", "e2e-kept")
	if a, _ := send(t, c, "GET "+login("/e2e-kept"), ""); a.body != "of mine" {
		t.Errorf("the one that was removed has %d %s", a.status, a.body)
	}
	if left := docker(t, "ps", "-aq", "--filter", "name=gateway-archive"); left != "" {
		t.Errorf("containers are left: %s", left)
	}
}
