package projects

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestProtect_KeepsOthersOutOfAllProjects(t *testing.T) {
	if os.PathSeparator != '/' {
		t.Skip("folders have no such modes here")
	}
	root := filepath.Join(t.TempDir(), "above", "projects")
	store, err := NewStore(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Protect(); err != nil {
		t.Errorf("without a folder: %v", err)
	}
	mode := func(path string) fs.FileMode {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if err := store.makeRoot(); err != nil {
		t.Fatal(err)
	}
	if mode(root) != 0o700 || mode(filepath.Dir(root)) == 0o700 {
		t.Errorf("a new folder has %v, the one above %v", mode(root), mode(filepath.Dir(root)))
	}
	elsewhere := t.TempDir()
	for _, dir := range []string{root, filepath.Join(root, "blog"), filepath.Join(root, "blog", "data"), elsewhere} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o775); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{filepath.Join(root, "blog"), elsewhere} {
		if err := os.WriteFile(filepath.Join(dir, ComposeFile), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(root, "notes")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(root, "linked")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := store.Protect(); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]fs.FileMode{
		root: 0o700, filepath.Join(root, "blog"): 0o700, elsewhere: 0o700,
		// What containers see is as it was.
		filepath.Join(root, "blog", "data"): 0o775, file: 0o644,
	} {
		if got := mode(path); got != want {
			t.Errorf("%s has %v, want %v", path, got, want)
		}
	}
}

func TestProtect_LeavesWhatIsNoProject(t *testing.T) {
	if os.PathSeparator != '/' {
		t.Skip("folders have no such modes here")
	}
	root := t.TempDir() // such as /srv, or a folder that somebody named by mistake
	store, err := NewStore(root)
	if err != nil {
		t.Fatal(err)
	}
	project, other := filepath.Join(root, "blog"), filepath.Join(root, "www")
	for _, dir := range []string{project, other} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(project, ComposeFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	set := map[string]fs.FileMode{root: 0o755, project: 0o550 | fs.ModeSetgid, other: 0o755}
	for path, mode := range set {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, protect := range []func() error{store.Protect, store.makeRoot} {
		if err := protect(); err != nil {
			t.Fatal(err)
		}
		set[project] = 0o500 | fs.ModeSetgid
		for path, want := range set {
			if info, err := os.Stat(path); err != nil || info.Mode()&^fs.ModeDir != want {
				t.Errorf("%s has %v, want %v (%v)", path, info.Mode(), want, err)
			}
		}
	}
}

func TestLock_MakesAFolderThatNobodyElseReads(t *testing.T) {
	root := filepath.Join(t.TempDir(), "projects")
	store, err := NewStore(root)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := store.Lock(t.Context(), "blog")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if info, err := os.Stat(root); err != nil || os.PathSeparator == '/' && info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}
