package projects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gateway/projects/plan"
	"gateway/projects/release"
)

// releasesOf are those of robots.
func releasesOf(b *bench) release.History {
	return release.History{Dir: b.Store.Dir("robots"), Content: SiteFolder}
}

// page is a site of one page that says which it is.
func page(t *testing.T, text string) *Site {
	t.Helper()
	return siteOf(t, map[string]string{"index.html": text, "img/logo.svg": "logo"})
}

// deployed is a bench on which pages were deployed, one after the other; version 1 is the template's own.
func deployed(t *testing.T, texts ...string) *bench {
	t.Helper()
	b := added(t)
	for _, text := range texts {
		if err := b.deploy(t.Context(), "robots", page(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	b.compose.calls = nil
	return b
}

// state is the versions there are, the newest first, with their pages: "3 three, 2 two*", the star for the one in force.
func state(t *testing.T, b *bench) string {
	t.Helper()
	all, err := releasesOf(b).List()
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, v := range all {
		text := fmt.Sprintf("%d %s", v.Number, contents(t, releasesOf(b).FilesOf(v.Number))["index.html"])
		if strings.Contains(text, "<!doctype") {
			text = fmt.Sprintf("%d starter", v.Number)
		}
		if v.Current {
			text += "*"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func wantState(t *testing.T, b *bench, want string) {
	t.Helper()
	if got := state(t, b); got != want {
		t.Errorf("there is %q, want %q", got, want)
	}
	entries, err := os.ReadDir(filepath.Join(b.Store.Dir("robots"), release.Folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("left among the versions: %s", e.Name())
		}
	}
}

func TestDeploy_MakesVersions(t *testing.T) {
	b := added(t)
	starter := index(t, b)
	before, err := os.Stat(filepath.Join(b.Store.Dir("robots"), SiteFolder))
	if err != nil {
		t.Fatal(err)
	}
	site := page(t, "two")
	done, err := b.Do(t.Context(), Deploy{Name: "robots", Dir: site.Dir, By: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "2 two*, 1 starter")
	if got := index(t, b); got != "two" {
		t.Errorf("in force is %q", got)
	}
	if !done.Made || done.Release.Number != 2 || done.Release.Replaced != 1 || done.Files.String() != "1 added, 1 changed, 2 removed, 0 the same" {
		t.Errorf("deployed %+v", done)
	}
	all, err := releasesOf(b).List()
	if err != nil {
		t.Fatal(err)
	}
	v := all[0]
	if v.From != site.Dir || v.By != "ada" || v.Files != 2 || v.Bytes != 7 || v.Since.IsZero() || time.Since(v.Made) > time.Minute {
		t.Errorf("version 2 is %+v", v)
	}
	if v := all[1]; v.From != "" || v.Files != 3 || v.Bytes < int64(len(starter)) || v.Since.IsZero() {
		t.Errorf("version 1 is %+v", v)
	}
	// The folder that containers have mounted is version 1 itself, not a copy.
	first, err := os.Stat(releasesOf(b).FilesOf(1))
	if err != nil || !os.SameFile(before, first) {
		t.Errorf("version 1 is another folder: %v", err)
	}
	if to, err := os.Readlink(filepath.Join(b.Store.Dir("robots"), SiteFolder)); err != nil || to != "versions/current/site" {
		t.Errorf("the site leads to %q: %v", to, err)
	}
}

func TestDeploy_MakesVersionsThatTheServerMayRead(t *testing.T) {
	b := deployed(t, "two")
	h := releasesOf(b)
	for path, mode := range map[string]os.FileMode{
		filepath.Join(h.Dir, release.Folder): 0o755, h.FolderOf(2): 0o755, h.FilesOf(2): 0o755, filepath.Join(h.FilesOf(2), "index.html"): 0o644, filepath.Join(h.FolderOf(2), "version.json"): 0o644,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, mode)
		}
	}
}

func TestDeploy_ReplacesContainersThatSeeNoVersions(t *testing.T) {
	b := added(t)
	withoutVersions(t, b)
	if err := b.deploy(t.Context(), "robots", page(t, "two")); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(b.compose.calls, []string{"up replacing site"}) {
		t.Errorf("calls %v", b.compose.calls)
	}
	wantState(t, b, "2 two*, 1 starter")
	b.ready = errors.New("no answer")
	if err := b.deploy(t.Context(), "robots", page(t, "three")); err == nil {
		t.Error("no error")
	}
	if !slices.Equal(b.compose.calls, []string{"up replacing site", "up replacing site", "up"}) {
		t.Errorf("calls %v", b.compose.calls)
	}
	wantState(t, b, "2 two*, 1 starter")
}

// withoutVersions makes the compose.yaml of robots one of an earlier gateway.
func withoutVersions(t *testing.T, b *bench) {
	t.Helper()
	file := filepath.Join(b.Store.Dir("robots"), ComposeFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "./versions:") {
			kept = append(kept, strings.Replace(line, "--versions, /versions", "", 1))
		}
	}
	if err := os.WriteFile(file, []byte(strings.Join(kept, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(b.Store.Dir("robots"), release.Folder)); err != nil {
		t.Fatal(err)
	}
}

func TestMountingContent_ReadsMounts(t *testing.T) {
	for volumes, want := range map[string]bool{
		`["./site:/site:ro", "./versions:/versions:ro"]`: false,
		`["./versions:/versions:ro"]`:                    false,
		`[{type: bind, source: ./site, target: /site}, {type: bind, source: ./versions/, target: /v}]`: false,
		`["DIR/site:/site", "DIR/versions:/v"]`:                                                        false,
		`["./site:/site:ro"]`:                                                                          true,
		`["./site/img:/site:ro"]`:                                                                      true,
		`["./site:/site:ro", "versions:/versions"]`:                                                    true, // a volume of that name
		`["./site:/site:ro", "./versions/1:/v"]`:                                                       true,
		`[]`:                                                                                           false,
	} {
		dir := t.TempDir()
		text := "services:\n  db: {image: x}\n  site:\n    image: x\n    volumes: " + strings.ReplaceAll(volumes, "DIR", dir) + "\nvolumes: {versions: {}}\n"
		if err := os.WriteFile(filepath.Join(dir, ComposeFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := mountingContent(t.Context(), Project{Name: "robots", Dir: dir})
		if err != nil || slices.Contains(got, "site") != want || slices.Contains(got, "db") {
			t.Errorf("%s: %v %v, want %v", volumes, got, err, want)
		}
	}
}

func TestDeploy_KeepsTheLastVersions(t *testing.T) {
	b := deployed(t, "two", "three", "four", "five", "six")
	wantState(t, b, "6 six*, 5 five, 4 four, 3 three, 2 two")
	if _, err := b.rollback(t, 2); err != nil {
		t.Fatal(err)
	}
	// What was in force last stays, and so does what to go back to.
	done, err := b.Do(t.Context(), Deploy{Name: "robots", Dir: page(t, "seven").Dir, Keep: 3})
	if err != nil || !slices.Equal(done.Gone, []int{5, 4, 3}) {
		t.Errorf("gone are %v: %v", done.Gone, err)
	}
	wantState(t, b, "7 seven*, 6 six, 2 two")
	if _, err = b.Do(t.Context(), Deploy{Name: "robots", Dir: page(t, "eight").Dir, Keep: 1}); err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "8 eight*")
	if _, err := b.rollback(t, 0); !errors.Is(err, release.ErrNone) || !strings.Contains(err.Error(), "version 8, the current one, is the only one") {
		t.Errorf("got %v", err)
	}
}

func TestDeploy_MakesNoVersionOfTheSameFiles(t *testing.T) {
	b := deployed(t, "two")
	done, err := b.Do(t.Context(), Deploy{Name: "robots", Dir: page(t, "two").Dir})
	if err != nil || done.Made || done.Release.Number != 2 || !done.Files.None() {
		t.Errorf("%+v %v", done, err)
	}
	// What else the folder says is put in force all the same.
	if !slices.Equal(b.compose.calls, []string{"up"}) {
		t.Errorf("calls %v", b.compose.calls)
	}
	if done, err = b.Do(t.Context(), Deploy{Name: "robots", Dir: page(t, "two").Dir, Force: true}); err != nil || !done.Made {
		t.Errorf("by force: %+v %v", done, err)
	}
	wantState(t, b, "3 two*, 2 two, 1 starter")
	// A file that the server may not read is not in force as it should be.
	if err := os.Chmod(filepath.Join(b.Store.Dir("robots"), SiteFolder, "index.html"), 0o600); err != nil {
		t.Fatal(err)
	}
	if done, err = b.Do(t.Context(), Deploy{Name: "robots", Dir: page(t, "two").Dir}); err != nil || !done.Made {
		t.Errorf("unreadable: %+v %v", done, err)
	}
}

func TestDeploy_KeepsTimesOfWhatStays(t *testing.T) {
	b := deployed(t, "two")
	name := filepath.Join(b.Store.Dir("robots"), SiteFolder, "img/logo.svg")
	past := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if err := os.Chtimes(name, past, past); err != nil {
		t.Fatal(err)
	}
	if err := b.deploy(t.Context(), "robots", page(t, "three")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || !info.ModTime().Equal(past) {
		t.Errorf("the logo is of %v: %v", info.ModTime(), err)
	}
	if info, err = os.Stat(filepath.Join(filepath.Dir(name), "../index.html")); err != nil || time.Since(info.ModTime()) > time.Minute {
		t.Errorf("the new page is of %v: %v", info.ModTime(), err)
	}
	// Versions share no file: an edit of the one in force is none of those before.
	if err := os.WriteFile(name, []byte("edited"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, releasesOf(b).FilesOf(2))["img/logo.svg"]; got != "logo" {
		t.Errorf("version 2 has %q", got)
	}
}

func TestDeploy_MakesAVersionOfAFolderThatPeoplePutThere(t *testing.T) {
	for name, site := range map[string]func(*testing.T) *Site{
		"in force by deploy":     func(*testing.T) *Site { return nil },
		"replaced by new files":  func(t *testing.T) *Site { return page(t, "new") },
		"deployed from the same": func(t *testing.T) *Site { return siteOf(t, map[string]string{"index.html": "by hand"}) },
	} {
		t.Run(name, func(t *testing.T) {
			b := deployed(t, "two")
			folder := filepath.Join(b.Store.Dir("robots"), SiteFolder)
			if err := errors.Join(os.Remove(folder), os.Mkdir(folder, 0o755), os.WriteFile(filepath.Join(folder, "index.html"), []byte("by hand"), 0o644)); err != nil {
				t.Fatal(err)
			}
			given := site(t)
			if err := b.deploy(t.Context(), "robots", given); err != nil {
				t.Fatal(err)
			}
			want := "3 by hand*, 2 two, 1 starter"
			if name == "replaced by new files" {
				want = "4 new*, 3 by hand, 2 two, 1 starter"
			}
			wantState(t, b, want)
		})
	}
}

func TestDeploy_RefusesASiteThatIsALinkElsewhere(t *testing.T) {
	b := added(t)
	folder := filepath.Join(b.Store.Dir("robots"), SiteFolder)
	elsewhere := folderWith(t, map[string]string{"index.html": "mine"})
	if err := errors.Join(os.RemoveAll(folder), os.Symlink(elsewhere, folder)); err != nil {
		t.Fatal(err)
	}
	err := b.deploy(t.Context(), "robots", page(t, "two"))
	if err == nil || !strings.Contains(err.Error(), "is a link to "+elsewhere) {
		t.Errorf("got %v", err)
	}
	if got := index(t, b); got != "mine" {
		t.Errorf("in force is %q", got)
	}
}

func TestDeploy_TellsOfAFullDisk(t *testing.T) {
	b := deployed(t, "two")
	full := plan.WithHook(t.Context(), func(point string) error {
		if strings.Contains(point, "after step 1 copy") {
			return diskFull(syscall.ENOSPC)
		}
		return nil
	})
	if err := b.deploy(full, "robots", page(t, "new")); err == nil || !strings.Contains(err.Error(), "make room on the disk") {
		t.Errorf("got %v", err)
	}
	wantState(t, b, "2 two*, 1 starter")
}

func TestDeploy_OneAfterTheOther(t *testing.T) {
	b := deployed(t, "two")
	pages := []string{"a", "b", "c"}
	results := make(chan error, len(pages))
	for _, text := range pages {
		d := Deploy{Name: "robots", Dir: page(t, text).Dir}
		go func() {
			_, err := b.Do(context.Background(), d)
			results <- err
		}()
	}
	for range pages {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	all, err := releasesOf(b).List()
	if err != nil || len(all) != 5 || !all[0].Current {
		t.Fatalf("%+v %v", all, err)
	}
	var there []string
	for _, r := range all[:3] {
		there = append(there, contents(t, releasesOf(b).FilesOf(r.Number))["index.html"])
	}
	if slices.Sort(there); !slices.Equal(there, pages) {
		t.Errorf("there are %q", there)
	}
}

func TestDeploy_GoesOnWhenPeopleDeleteVersions(t *testing.T) {
	b := deployed(t, "two", "three")
	h := releasesOf(b)
	if err := errors.Join(os.RemoveAll(h.FolderOf(3)), os.Remove(h.Path())); err != nil {
		t.Fatal(err)
	}
	if err := b.deploy(t.Context(), "robots", nil); err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "2 two*, 1 starter")
	// All of them: files make a project of it again.
	if err := os.RemoveAll(filepath.Join(h.Dir, release.Folder)); err != nil {
		t.Fatal(err)
	}
	if err := b.deploy(t.Context(), "robots", page(t, "new")); err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "1 new*")
}

func TestDeploy_DryRunSaysWhatChanges(t *testing.T) {
	b := added(t)
	before := contents(t, b.Store.Dir("robots"))
	site := siteOf(t, map[string]string{"index.html": "new", "a.html": "a", "style.css": before["site/style.css"]})
	c, err := b.DryRun(t.Context(), Deploy{Name: "robots", Dir: site.Dir})
	if err != nil || c.Files.String() != "1 added, 1 changed, 1 removed, 1 the same" || !slices.Equal(c.Files.Removed, []string{"icon.svg"}) {
		t.Errorf("%v %v", c, err)
	}
	if after := contents(t, b.Store.Dir("robots")); !maps.Equal(before, after) {
		t.Errorf("now there is %v", after)
	}
}
