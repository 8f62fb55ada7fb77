package main_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

// TestBackup_BringsWordPressBack is the whole way: a post, an upload and the login survive a backup of the running site, its
// removal and a restore, and also under another name and path.
func TestBackup_BringsWordPressBack(t *testing.T) {
	need(t, "wordpress:apache", "mariadb:10.11")
	t.Cleanup(func() { gateway("rm", "e2e-wp", "--yes") })
	t.Cleanup(func() { gateway("rm", "e2e-wp-too", "--yes") })
	must(t, "add", "wordpress", "e2e-wp", "--path", "/e2e-wp")
	w := wordpress{browser(t), site + "/e2e-wp"}
	w.install(t)
	post := w.publish(t)
	file := archiveOf(t, "e2e-wp")
	if out, err := exec.Command("tar", "--zstd", "-tf", file).CombinedOutput(); err == nil {
		if names := string(out); !strings.Contains(names, "dumps/db.sql") || strings.Contains(names, "volumes/db/") || !strings.Contains(names, "volumes/site/wp-config.php") {
			t.Errorf("the archive has %.2000s", names)
		}
	}
	must(t, "rm", "e2e-wp", "--yes")
	must(t, "restore", "e2e-wp")
	w.survived(t, post)
	must(t, "restore", file, "e2e-wp-too", "--path", "/e2e-wp-too")
	wordpress{browser(t), site + "/e2e-wp-too"}.survived(t, strings.Replace(post, "/e2e-wp/", "/e2e-wp-too/", 1))
	w.survived(t, post)
	// The files of a database that was stopped for it are as good.
	must(t, "rm", "e2e-wp-too", "--yes")
	file = archiveOf(t, "e2e-wp", "--stop")
	w.survived(t, post)
	must(t, "restore", file, "e2e-wp-too", "--path", "/e2e-wp-too")
	wordpress{browser(t), site + "/e2e-wp-too"}.survived(t, strings.Replace(post, "/e2e-wp/", "/e2e-wp-too/", 1))
}

// survived checks that a post, the file and the image that it has, and the login are there.
func (w wordpress) survived(t *testing.T, post string) {
	t.Helper()
	page, _ := send(t, w.client, "GET "+post, "")
	if page.status != http.StatusOK || !strings.Contains(page.body, "Hello") {
		t.Fatalf("the post %s says %d", post, page.status)
	}
	uploads := map[string]string{"mine.txt": "of mine", "robot.png": picture()}
	for _, link := range linkForm.FindAllStringSubmatch(page.body, -1) {
		if link[1] != w.at && !strings.HasPrefix(link[1], w.at+"/") {
			t.Errorf("%s leads to another site: %s", post, link[1])
		}
		for name, content := range uploads {
			if !strings.HasSuffix(link[1], "/"+name) {
				continue
			}
			if a, _ := send(t, w.client, "GET "+link[1], ""); a.body != content {
				t.Errorf("the upload %s: %d %.100q", link[1], a.status, a.body)
			}
			delete(uploads, name)
		}
	}
	if len(uploads) > 0 {
		t.Errorf("the post %s lacks uploads", post)
	}
	login := url.Values{"log": {"admin"}, "pwd": {"correct-horse-7"}}.Encode()
	send(t, w.client, "GET "+w.at+"/wp-login.php", "")
	if a, from := send(t, w.client, "POST "+w.at+"/wp-login.php", login, "Content-Type", form); a.status != http.StatusOK || from != w.at+"/wp-admin/" {
		t.Errorf("logging in: %d from %s", a.status, from)
	}
}

// noise makes a file that does not compress.
func noise(t *testing.T, path string, bytes int) {
	t.Helper()
	text := make([]byte, bytes)
	_, _ = rand.Read(text)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// namesIn are the names in a folder.
func namesIn(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestBackup_LeavesNothingWhenTheDiskFills(t *testing.T) {
	add(t, "e2e-full", "/e2e-full")
	noise(t, filepath.Join(lane.projects, "e2e-full", "site", "large"), 8<<20)
	disk := filesystem(t, "size=2m")
	_, stderr, err := gateway("backup", "e2e-full", "--to", disk)
	if err == nil || !strings.Contains(stderr, "no space left") || !strings.Contains(stderr, "make room") {
		t.Errorf("it says %s (%v)", stderr, err)
	}
	if left := namesIn(t, disk); left != "" {
		t.Errorf("left on the disk: %s", left)
	}
	if a, err := get(base + "/e2e-full/large"); err != nil || len(a.body) != 8<<20 {
		t.Errorf("the project has %d bytes (%v)", len(a.body), err)
	}
}

// TestBackup_OutlivesKills kills backups at many moments, and restores of what came of them.
func TestBackup_OutlivesKills(t *testing.T) {
	need(t, "codercom/code-server:latest")
	t.Cleanup(func() { gateway("rm", "e2e-killed", "--yes") })
	t.Cleanup(func() { gateway("rm", "e2e-killed-too", "--yes") })
	must(t, "add", "dev", "e2e-killed", "--path", "/e2e-killed")
	large := filepath.Join(t.TempDir(), "large")
	noise(t, large, 48<<20)
	home := docker(t, "inspect", "-f", `{{range .Mounts}}{{if eq .Type "volume"}}{{.Destination}}{{end}}{{end}}`, "e2e-killed-editor-1")
	docker(t, "cp", large, "e2e-killed-editor-1:"+home+"/large")
	dir := t.TempDir()
	kill := func(n int, args ...string) {
		c := exec.Command(lane.binary, args...)
		c.Env = append(os.Environ(), "GATEWAY_PROJECTS="+lane.projects)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.AfterFunc(time.Duration(n)*150*time.Millisecond, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		after.Stop()
	}
	for n := range 10 {
		kill(n, "backup", "e2e-killed", "--to", dir)
	}
	file := strings.TrimSpace(must(t, "backup", "e2e-killed", "--to", dir))
	must(t, "backup", "verify", "--dir", dir)
	if names := namesIn(t, dir); strings.Contains(names, ".part") || strings.Contains(names, "spool") {
		t.Errorf("left in the folder: %s", names)
	}
	for n := range 10 {
		kill(2*n, "restore", file, "e2e-killed-too", "--path", "/e2e-killed-too")
		_, _, _ = gateway("rm", "e2e-killed-too", "--yes") // One that was whole already is none that is left.
		left := docker(t, "ps", "-aq", "--filter", "label=com.docker.compose.project=e2e-killed-too") +
			docker(t, "volume", "ls", "-q", "--filter", "label=com.docker.compose.project=e2e-killed-too") + docker(t, "ps", "-aq", "--filter", "name=gateway-archive")
		if left != "" {
			t.Errorf("after a kill %d: %s is left", n, left)
		}
	}
	must(t, "restore", file, "e2e-killed-too", "--path", "/e2e-killed-too")
	docker(t, "cp", "e2e-killed-too-editor-1:"+home+"/large", large+"-too")
	if err := exec.Command("cmp", large, large+"-too").Run(); err != nil {
		t.Errorf("the file that came back is another one: %v", err)
	}
}
