package projects

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// linked is a bench whose project robots is a link to a folder elsewhere.
func linked(t *testing.T) (b *bench, target string) {
	t.Helper()
	b = added(t)
	target = filepath.Join(resolved(t.TempDir()), "kept", "robots-files")
	if err := os.Mkdir(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(b.Store.Dir("robots"), target); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, b.Store.Dir("robots")); err != nil {
		t.Fatal(err)
	}
	b.beside = []string{filepath.Dir(target)}
	return b, target
}

func TestDeploy_StagesBesideTheFolderThatALinkLeadsTo(t *testing.T) {
	b, target := linked(t)
	// Only a stage on the same disk can be put in place.
	if got := b.Store.beside("robots"); got != filepath.Dir(target) {
		t.Errorf("staged in %s, want %s", got, filepath.Dir(target))
	}
	if err := b.deploy(t.Context(), "robots", siteOf(t, map[string]string{"index.html": "new"})); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, filepath.Join(target, SiteFolder)); len(got) != 1 || got["index.html"] != "new" {
		t.Errorf("files %v", got)
	}
	if entries, err := os.ReadDir(filepath.Dir(target)); err != nil || len(entries) != 1 {
		t.Errorf("left beside the project: %v %v", entries, err)
	}
	onlyProjects(t, b.Store, "robots")
}

func TestRemove_DeletesWhatALinkLeadsTo(t *testing.T) {
	b, target := linked(t)
	plan, err := b.remove(t, "robots")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"delete " + target + " with all", "delete the link " + b.Store.Dir("robots") + " to " + target} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan lacks %q:\n%s", want, plan)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(target)); err != nil || len(entries) > 0 {
		t.Errorf("left beside the target: %v %v", entries, err)
	}
	onlyProjects(t, b.Store)
}

func TestRemove_DeletesALinkThatLeadsNowhere(t *testing.T) {
	b, target := linked(t)
	if err := os.Rename(target, target+"-away"); err != nil {
		t.Fatal(err)
	}
	plan, err := b.remove(t, "robots")
	if err != nil || strings.Contains(plan, "with all that is in it") {
		t.Fatalf("%v\n%s", err, plan)
	}
	if got := contents(t, target+"-away"); got[ComposeFile] == "" {
		t.Errorf("what nobody named is gone: %v", got)
	}
	onlyProjects(t, b.Store)
}

func TestRemove_KeepsWhatALinkShares(t *testing.T) {
	b := added(t)
	for name, to := range map[Name]string{"other": "robots", "all": ".", "up": ".."} {
		if err := os.Symlink(to, b.Store.Dir(name)); err != nil {
			t.Fatal(err)
		}
		if plan, err := b.remove(t, name); err == nil || !strings.Contains(err.Error(), "remove the link: rm "+b.Store.Dir(name)) {
			t.Errorf("%s: %v\n%s", name, err, plan)
		}
	}
}

func TestRemove_DeletesNothingThatThePlanDidNotName(t *testing.T) {
	b, target := linked(t)
	other := folderWith(t, map[string]string{"precious": "x"})
	link := b.Store.Dir("robots")
	b.Planned = func(*Change) error {
		return errors.Join(os.Remove(link), os.Symlink(other, link))
	}
	if _, err := b.remove(t, "robots"); err == nil || !strings.Contains(err.Error(), "replaced meanwhile") {
		t.Errorf("got %v", err)
	}
	if got := contents(t, other); got["precious"] == "" || len(contents(t, target)) == 0 {
		t.Error("files were deleted")
	}
}
