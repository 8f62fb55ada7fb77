package projects_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/projects"
)

// folderOf makes a folder of files with the modes.
func folderOf(t *testing.T, files map[string]os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	for name, mode := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func unfit(t *testing.T, dir string) string {
	t.Helper()
	site, err := projects.OpenSite(dir, projects.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Unfit(); err != nil {
		return err.Error()
	}
	return ""
}

func TestSite_UnfitListsWhatIsRarelyMeantToBePublic(t *testing.T) {
	for name, reason := range map[string]string{
		"index.php": "source code", "admin/Login.ASPX": "source code", "cgi-bin/x.cgi": "source code", "web.config": "source code",
		"config.js.bak": "backup", "index.html~": "backup", "index.html.old": "backup", ".hidden-is-skipped/x.php": "",
		"db.sql": "database", "backup/dump.sql.gz": "database", "club.sqlite3": "database",
		"htpasswd": "passwords", "my.htpasswd.txt": "passwords", "prod.env": "passwords", "vault.kdbx": "passwords",
		"robot.py": "", "main.ts": "", "talk.key": "", "Thumbs.db": "", "photo.zip": "", "cert.pem": "", "sketch.ino": "", "readme": "",
	} {
		got := unfit(t, folderOf(t, map[string]os.FileMode{"index.html": 0o644, name: 0o644}))
		if reason == "" && got != "" || reason != "" && (!strings.Contains(got, "\n  "+name+": ") || !strings.Contains(got, reason) || !strings.Contains(got, "--force")) {
			t.Errorf("%s: %q, want %q", name, got, reason)
		}
	}
}

func TestSite_UnfitReadsModesAndKeys(t *testing.T) {
	if got := unfit(t, folderOf(t, map[string]os.FileMode{"index.html": 0o644, "members.csv": 0o600})); !strings.Contains(got, "members.csv: only its owner") {
		t.Errorf("a private file among public ones: %q", got)
	}
	if got := unfit(t, folderOf(t, map[string]os.FileMode{"index.html": 0o600, "a.css": 0o600})); got != "" {
		t.Errorf("a folder made under a umask of 077: %q", got)
	}
	if got := unfit(t, folderOf(t, map[string]os.FileMode{"index.html": 0o600, "x.php": 0o600})); !strings.Contains(got, "x.php: source") || strings.Contains(got, "index.html:") {
		t.Errorf("source in a folder made under a umask of 077: %q", got)
	}
	dir := folderOf(t, map[string]os.FileMode{"index.html": 0o644, "cert.pem": 0o644})
	if err := os.WriteFile(filepath.Join(dir, "id_ed25519"), []byte("-----BEGIN OPENSSH PRIVATE KEY-----\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := unfit(t, dir); !strings.Contains(got, "id_ed25519: a private key") || strings.Contains(got, "cert.pem:") {
		t.Errorf("a key: %q", got)
	}
	for _, name := range []string{"index.html", "cert.pem", "id_ed25519"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := unfit(t, dir); !strings.Contains(got, "id_ed25519: a private key") {
		t.Errorf("a key in a folder made under a umask of 077: %q", got)
	}
}

func TestSite_UnfitRefusesNothingToServe(t *testing.T) {
	for _, files := range []map[string]os.FileMode{{}, {".git/config": 0o644}} {
		if got := unfit(t, folderOf(t, files)); !strings.Contains(got, "no files to serve") {
			t.Errorf("%v: %q", files, got)
		}
	}
}

func TestSite_UnfitListIsBounded(t *testing.T) {
	files := map[string]os.FileMode{"index.html": 0o644}
	for i := range 25 {
		files[fmt.Sprintf("%02d.php", i)] = 0o644
	}
	got := unfit(t, folderOf(t, files))
	if lines := strings.Count(got, "\n"); lines != 11 || !strings.Contains(got, "and 15 more") {
		t.Errorf("%d lines: %s", lines, got)
	}
}

func TestSite_WarnsOfNamesThatLinksDoNotReach(t *testing.T) {
	site, err := projects.OpenSite(folderOf(t, map[string]os.FileMode{
		"index.html": 0o644, "\xc7\xd1\xb1\xb9/\xc7\xd1.txt": 0o644, `img\a.png`: 0o644,
	}), projects.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(site.Warnings(), "\n")
	if !strings.Contains(all, "not UTF-8, as from an old zip file: 2;") || !strings.Contains(all, "zip file of Windows: 1;") {
		t.Errorf("%q", all)
	}
}
