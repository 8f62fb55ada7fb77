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
