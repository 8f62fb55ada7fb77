package projects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/proxy/route"
)

// folderWith makes a folder of files; a name that ends in a slash is a folder, a text "-> X" makes a link.
func folderWith(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, isLink := strings.CutPrefix(text, "-> "); isLink {
			err = os.Symlink(to, path)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o700)
		} else {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSite_CopiesWhatIsServed(t *testing.T) {
	dir := folderWith(t, map[string]string{
		"index.html": "home", "img/a.png": "a", "empty/": "", ".git/config": "secret", ".env": "secret", "img/.DS_Store": "x",
		".well-known/security.txt": "mail", "again.html": "-> index.html", "img/up.html": "-> ../index.html",
	})
	site, err := OpenSite(dir, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if site.Files != 5 || site.Bytes != 4+1+4+4+4 || site.Skipped != 3 || !site.Index {
		t.Errorf("looked through as %+v", site)
	}
	to := filepath.Join(t.TempDir(), "site")
	if err := site.copyTo(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	got := contents(t, to)
	want := map[string]string{"index.html": "home", "img/a.png": "a", ".well-known/security.txt": "mail", "again.html": "home", "img/up.html": "home"}
	if len(got) != len(want) {
		t.Errorf("copied %v", got)
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s = %q, want %q", name, got[name], text)
		}
	}
	for name, mode := range map[string]os.FileMode{"index.html": 0o644, "again.html": 0o644, "img": 0o755, "empty": 0o755} {
		info, err := os.Lstat(filepath.Join(to, name))
		if err != nil || info.Mode().Perm() != mode || info.Mode()&os.ModeSymlink != 0 {
			t.Errorf("%s: %v %v, want %v", name, info, err, mode)
		}
	}
}

func TestOpenSite_RefusesWhatIsNoSite(t *testing.T) {
	outside := folderWith(t, map[string]string{"secret": "s"})
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"link out, absolute":      {map[string]string{"a": "-> /etc/passwd"}, "cannot be followed inside"},
		"link out, relative":      {map[string]string{"a": "-> ../../../../../../etc/passwd"}, "cannot be followed inside"},
		"link out over a link":    {map[string]string{"d": "-> " + outside, "e": "-> d/secret"}, "cannot be followed inside"},
		"link to nothing":         {map[string]string{"a": "-> b"}, "points to nothing"},
		"link in a circle":        {map[string]string{"a": "-> b", "b": "-> a"}, "cannot be followed inside"},
		"link to a folder":        {map[string]string{"d/x": "x", "e": "-> d"}, "does not point to a file"},
		"link to itself's folder": {map[string]string{"d/up": "-> .."}, "does not point to a file"},
	} {
		if site, err := OpenSite(folderWith(t, c.files), DefaultLimits); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v %v, want %q", name, site, err, c.want)
		}
	}
	if _, err := OpenSite("/nonexistent/site", DefaultLimits); err == nil || !strings.Contains(err.Error(), "there is no such folder") {
		t.Errorf("no folder: %v", err)
	}
	if _, err := OpenSite(filepath.Join(outside, "secret"), DefaultLimits); err == nil || !strings.Contains(err.Error(), "it is a file") {
		t.Errorf("a file: %v", err)
	}
}

func TestOpenSite_RefusesSockets(t *testing.T) {
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := OpenSite(dir, DefaultLimits); err == nil || !strings.Contains(err.Error(), "a device, a pipe or a socket") {
		t.Errorf("got %v", err)
	}
}

func TestOpenSite_NamesWhatIsTooMuch(t *testing.T) {
	dir := folderWith(t, map[string]string{"a": "12345", "b": "12345", "c/": ""})
	if _, err := OpenSite(dir, Limits{Files: 3, Bytes: 10}); err != nil {
		t.Error(err)
	}
	if _, err := OpenSite(dir, Limits{}); err != nil {
		t.Errorf("without limits: %v", err)
	}
	files := map[string]string{"index.html": "home", ".git/pack": strings.Repeat("x", 1000), "video/robot.mp4": strings.Repeat("x", 600), "video/b.mp4": "x"}
	for i := range 1200 {
		files[fmt.Sprintf("node_modules/p%d/x.js", i%40)+fmt.Sprint(i)] = ""
	}
	// What is odd beyond a limit is not what to fix first.
	files["zzz"] = "-> /etc/passwd"
	dir = folderWith(t, files)
	for _, c := range []struct {
		limit Limits
		want  []string
	}{
		{Limits{Files: 2}, []string{"it has 1,245 files and folders, and 2 is the most ($GATEWAY_MAX_FILES, or --max-files of deploy)", "most are in node_modules/ (1,241), video/ (3), index.html (1)"}},
		{Limits{Files: 5000, Bytes: 500}, []string{"it has 605 B, and 500 B is the most ($GATEWAY_MAX_SIZE, or --max-size of deploy)", "the largest are video/ (601 B), video/robot.mp4 (600 B), index.html (4 B)"}},
	} {
		_, err := OpenSite(dir, c.limit)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %q", c.limit, err, want)
			}
		}
	}
}

func TestSite_TrustsNothingAtTheSecondLook(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"grown":   func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x"), 100), 0o600) },
		"a link":  func(path string) error { return errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path)) },
		"a dir":   func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"removed": os.Remove,
	} {
		dir := folderWith(t, map[string]string{"index.html": "home"})
		site, err := OpenSite(dir, Limits{Files: 10, Bytes: 50})
		if err != nil {
			t.Fatal(err)
		}
		if err := change(filepath.Join(dir, "index.html")); err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), "site")
		if err := site.copyTo(t.Context(), to); err == nil {
			t.Errorf("%s: copied %v", name, contents(t, to))
		}
	}
}

func TestSite_StopsWhenInterrupted(t *testing.T) {
	site, err := OpenSite(folderWith(t, map[string]string{"index.html": "home"}), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := site.copyTo(ctx, filepath.Join(t.TempDir(), "site")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAdd_TakesASiteInPlaceOfTheTemplates(t *testing.T) {
	b := newBench(t)
	r := request(t, "a", "/a")
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r = request(t, "b", "/b")
	r.Site = siteOf(t, map[string]string{"index.html": "mine"})
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, filepath.Join(b.Store.Dir("a"), SiteFolder)); len(got) != 3 || got["style.css"] == "" {
		t.Errorf("a has %v", got)
	}
	if got := contents(t, filepath.Join(b.Store.Dir("b"), SiteFolder)); len(got) != 1 || got["index.html"] != "mine" {
		t.Errorf("b has %v", got)
	}
	if info, err := os.Stat(b.Store.Dir("a")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v %v", info, err)
	}
	if err := os.Remove(filepath.Join(r.Site.Dir, "index.html")); err != nil {
		t.Fatal(err)
	}
	r.Name, r.Key = "c", route.Key{Prefix: prefix(t, "/c")}
	if _, err := b.Do(t.Context(), r); err == nil || b.Store.Exists("c") {
		t.Errorf("half a project: %v", err)
	}
	onlyProjects(t, b.Store, "a", "b")
}

func TestStore_CleansUpAfterACrash(t *testing.T) {
	store := newStore(t)
	for _, left := range []string{".add-a", ".rm-a", ".add-a-b", ".add-ax"} {
		if err := os.MkdirAll(filepath.Join(store.Root(), left, "a"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.tidy("a"); err != nil {
		t.Fatal(err)
	}
	onlyProjects(t, store, ".add-a-b", ".add-ax")
}

func newStore(t *testing.T) Store {
	t.Helper()
	store, err := NewStore(filepath.Join(t.TempDir(), "projects"))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// onlyProjects checks that nothing else is in the projects folder but locks that nobody holds.
func onlyProjects(t *testing.T, store Store, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(store.Root())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != locks {
			names = append(names, e.Name())
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("the projects folder has %v, want %v", names, want)
	}
	if left, err := os.ReadDir(filepath.Join(store.Root(), locks)); err == nil && len(left) > 0 {
		t.Errorf("a lock was left: %v", left)
	}
}
