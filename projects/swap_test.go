package projects

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// crash leaves a stage of robots as a deployment of an earlier gateway that was killed does.
func crash(t *testing.T, b *bench, files map[string]string) string {
	t.Helper()
	stage := filepath.Join(b.Store.Root(), ".site-robots-123")
	if err := os.Rename(folderWith(t, files), stage); err != nil {
		t.Fatal(err)
	}
	return stage
}

func index(t *testing.T, b *bench) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.Store.Dir("robots"), SiteFolder, "index.html"))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestDeploy_BringsBackWhatAKilledOneTookAway(t *testing.T) {
	for name, deploy := range map[string]func(*bench) error{
		"without files": func(b *bench) error { return b.deploy(t.Context(), "robots", nil) },
		"with files that are refused": func(b *bench) error {
			site := siteOf(t, map[string]string{"index.html": "newest"})
			if err := os.Remove(filepath.Join(site.Dir, "index.html")); err != nil {
				t.Fatal(err)
			}
			if err := b.deploy(t.Context(), "robots", site); err == nil {
				t.Error("files that are gone were deployed")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := added(t)
			// Killed between the two renames: the old files are in the stage alone.
			crash(t, b, map[string]string{"old/index.html": "only copy", "new/index.html": "new"})
			if err := os.RemoveAll(filepath.Join(b.Store.Dir("robots"), SiteFolder)); err != nil {
				t.Fatal(err)
			}
			if err := deploy(b); err != nil {
				t.Fatal(err)
			}
			if got := index(t, b); got != "only copy" {
				t.Errorf("the site is %q", got)
			}
			onlyProjects(t, b.Store, "robots")
		})
	}
}

func TestDeploy_ClearsAStageWhoseSiteIsInPlace(t *testing.T) {
	b := added(t)
	want := index(t, b)
	crash(t, b, map[string]string{"new/index.html": "half", "old/index.html": "older"})
	if err := b.deploy(t.Context(), "robots", nil); err != nil {
		t.Fatal(err)
	}
	if got := index(t, b); got != want {
		t.Errorf("the site is %q", got)
	}
	onlyProjects(t, b.Store, "robots")
}

func TestDeploy_KeepsTheOnlyCopyWhenItCannotBePutBack(t *testing.T) {
	b := added(t)
	stage := crash(t, b, map[string]string{"old/index.html": "only copy"})
	site := filepath.Join(b.Store.Dir("robots"), SiteFolder)
	// What cannot be looked at is not known to be there.
	loop := func() error { return os.Symlink("robots", b.Store.Dir("robots")) }
	if err := os.Rename(filepath.Dir(site), filepath.Join(t.TempDir(), "robots")); err != nil {
		t.Fatal(err)
	}
	if err := loop(); err != nil {
		t.Fatal(err)
	}
	if err := b.deploy(t.Context(), "robots", nil); err == nil || !strings.Contains(err.Error(), stage) {
		t.Errorf("got %v, want the place of the files", err)
	}
	if got := contents(t, stage); got["old/index.html"] != "only copy" {
		t.Errorf("the stage has %v", got)
	}
}

func TestRemove_TakesWhatACrashLeft(t *testing.T) {
	b := added(t)
	crash(t, b, map[string]string{"new/index.html": "half"})
	for _, left := range []string{".rm-robots", ".add-robots", ".rm-robots-two"} {
		if err := os.MkdirAll(filepath.Join(b.Store.Root(), left, "robots"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.remove(t, "robots"); err != nil {
		t.Fatal(err)
	}
	onlyProjects(t, b.Store, ".rm-robots-two")
}
