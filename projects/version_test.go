package projects

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

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
	all, err := b.Store.Versions("robots")
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, v := range all {
		text := fmt.Sprintf("%d %s", v.Number, contents(t, history{dir: b.Store.Dir("robots")}.siteOf(v.Number))["index.html"])
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
	entries, err := os.ReadDir(filepath.Join(b.Store.Dir("robots"), VersionsFolder))
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
	done, err := b.Deploy(t.Context(), Deployment{Name: "robots", Site: site, By: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "2 two*, 1 starter")
	if got := index(t, b); got != "two" {
		t.Errorf("in force is %q", got)
	}
	if !done.Made || done.Version.Number != 2 || done.Version.Replaced != 1 || done.Changes.String() != "1 added, 1 changed, 2 removed, 0 the same" {
		t.Errorf("deployed %+v", done)
	}
	all, err := b.Store.Versions("robots")
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
	first, err := os.Stat(history{dir: b.Store.Dir("robots")}.siteOf(1))
	if err != nil || !os.SameFile(before, first) {
		t.Errorf("version 1 is another folder: %v", err)
	}
	if to, err := os.Readlink(filepath.Join(b.Store.Dir("robots"), SiteFolder)); err != nil || to != "versions/current/site" {
		t.Errorf("the site leads to %q: %v", to, err)
	}
}

func TestDeploy_MakesVersionsThatTheServerMayRead(t *testing.T) {
	b := deployed(t, "two")
	h := history{dir: b.Store.Dir("robots")}
	for path, mode := range map[string]os.FileMode{
		h.root(): 0o755, h.folder(2): 0o755, h.siteOf(2): 0o755, filepath.Join(h.siteOf(2), "index.html"): 0o644, filepath.Join(h.folder(2), versionFile): 0o644,
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
	if !slices.Equal(b.compose.calls, []string{"up by force"}) {
		t.Errorf("calls %v", b.compose.calls)
	}
	wantState(t, b, "2 two*, 1 starter")
	b.ready = errors.New("no answer")
	if err := b.deploy(t.Context(), "robots", page(t, "three")); err == nil {
		t.Error("no error")
	}
	if !slices.Equal(b.compose.calls, []string{"up by force", "up by force", "up by force"}) {
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
	if err := os.RemoveAll(filepath.Join(b.Store.Dir("robots"), VersionsFolder)); err != nil {
		t.Fatal(err)
	}
}

func TestFollows_ReadsMounts(t *testing.T) {
	for volumes, want := range map[string]bool{
		`["./site:/site:ro", "./versions:/versions:ro"]`: true,
		`["./versions:/versions:ro"]`:                    true,
		`[{type: bind, source: ./site, target: /site}, {type: bind, source: ./versions/, target: /v}]`: true,
		`["DIR/site:/site", "DIR/versions:/v"]`:                                                        true,
		`["./site:/site:ro"]`:                                                                          false,
		`["./site:/site:ro", "versions:/versions"]`:                                                    false, // a volume of that name
		`["./site:/site:ro", "./versions/1:/v"]`:                                                       false,
		`["./site:/site:ro", "../versions:/v"]`:                                                        false,
		`["./site:/site:ro", {type: tmpfs, x: [1]}]`:                                                   false,
		`[]`: false,
	} {
		dir := t.TempDir()
		text := "services:\n  db: {image: x}\n  site:\n    volumes: " + strings.ReplaceAll(volumes, "DIR", dir) + "\n"
		if err := os.WriteFile(filepath.Join(dir, ComposeFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := follows(Project{Name: "robots", Dir: dir}); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", volumes, got, err, want)
		}
	}
}

func TestDeploy_KeepsTheLastVersions(t *testing.T) {
	b := deployed(t, "two", "three", "four", "five", "six")
	wantState(t, b, "6 six*, 5 five, 4 four, 3 three, 2 two")
	if _, err := b.Rollback(t.Context(), "robots", 2); err != nil {
		t.Fatal(err)
	}
	// What was in force last stays, and so does what to go back to.
	done, err := b.Deploy(t.Context(), Deployment{Name: "robots", Site: page(t, "seven"), Keep: 3})
	if err != nil || !slices.Equal(done.Gone, []int{5, 4, 3}) {
		t.Errorf("gone are %v: %v", done.Gone, err)
	}
	wantState(t, b, "7 seven*, 6 six, 2 two")
	if _, err = b.Deploy(t.Context(), Deployment{Name: "robots", Site: page(t, "eight"), Keep: 1}); err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "8 eight*")
	if _, err := b.Rollback(t.Context(), "robots", 0); !errors.Is(err, ErrNoVersion) || !strings.Contains(err.Error(), "version 8, the current one, is the only one") {
		t.Errorf("got %v", err)
	}
}

func TestDeploy_MakesNoVersionOfTheSameFiles(t *testing.T) {
	b := deployed(t, "two")
	done, err := b.Deploy(t.Context(), Deployment{Name: "robots", Site: page(t, "two")})
	if err != nil || done.Made || done.Version.Number != 2 || !done.Changes.None() {
		t.Errorf("%+v %v", done, err)
	}
	// What else the folder says is put in force all the same.
	if !slices.Equal(b.compose.calls, []string{"up"}) {
		t.Errorf("calls %v", b.compose.calls)
	}
	if done, err = b.Deploy(t.Context(), Deployment{Name: "robots", Site: page(t, "two"), Force: true}); err != nil || !done.Made {
		t.Errorf("by force: %+v %v", done, err)
	}
	wantState(t, b, "3 two*, 2 two, 1 starter")
	// A file that the server may not read is not in force as it should be.
	if err := os.Chmod(filepath.Join(b.Store.Dir("robots"), SiteFolder, "index.html"), 0o600); err != nil {
		t.Fatal(err)
	}
	if done, err = b.Deploy(t.Context(), Deployment{Name: "robots", Site: page(t, "two")}); err != nil || !done.Made {
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
	if got := contents(t, history{dir: b.Store.Dir("robots")}.siteOf(2))["img/logo.svg"]; got != "logo" {
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

func TestVersions_ListsWhatIsThere(t *testing.T) {
	b := deployed(t, "two", "three")
	h := history{dir: b.Store.Dir("robots")}
	if err := errors.Join(
		os.WriteFile(filepath.Join(h.folder(2), versionFile), []byte("{"), 0o644),
		os.MkdirAll(filepath.Join(h.root(), "07", "site"), 0o755), os.MkdirAll(filepath.Join(h.root(), "-1"), 0o755),
		os.Mkdir(filepath.Join(h.root(), "9"), 0o755), os.WriteFile(filepath.Join(h.root(), "8"), nil, 0o644),
		os.WriteFile(filepath.Join(h.folder(1), versionFile), []byte(`{"number": 70, "from": "/a\u001b[2J", "since": "2026-01-02T03:04:05Z"}`), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "3 three*, 2 two, 1 starter")
	all, err := b.Store.Versions("robots")
	if err != nil || all[1].Since.IsZero() || all[2].From != `/a\x1b[2J` {
		t.Errorf("%+v %v", all, err)
	}
	// What is damaged is not removed for that.
	if err := b.deploy(t.Context(), "robots", nil); err != nil {
		t.Fatal(err)
	}
	wantState(t, b, "3 three*, 2 two, 1 starter")
	if none, err := b.Store.Versions("nothing"); err != nil || len(none) != 0 {
		t.Errorf("of no project: %v %v", none, err)
	}
}
