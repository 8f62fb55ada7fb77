package tree_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gateway/projects/tree"
)

func TestWalk_ReadsNamesOfAnyBytes(t *testing.T) {
	dir := t.TempDir()
	want := []string{".", "a", "a/x.txt", "b\\c", "link", "\xc7\xd1", "\xc7\xd1/\xb1\xb9.txt"}
	for _, name := range []string{"a/x.txt", "b\\c", "\xc7\xd1/\xb1\xb9.txt"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var got []string
	err = tree.Walk(root, func(name string, _ fs.DirEntry, err error) error {
		got = append(got, name)
		return err
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %q, want %q", err, got, want)
	}
}

func TestCopyFile_StopsAtWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "from")
	if err := os.WriteFile(path, []byte("12345"), 0o644); err != nil {
		t.Fatal(err)
	}
	copied := func(name string, left *int64) error {
		from, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		return tree.CopyFile(from, filepath.Join(dir, name), 0o444, left)
	}
	left := int64(9)
	if err := errors.Join(copied("one", nil), copied("two", &left)); err != nil || left != 4 {
		t.Errorf("%v, and %d are left", err, left)
	}
	if err := copied("three", &left); !errors.Is(err, tree.ErrGrew) {
		t.Errorf("beyond what is left: %v", err)
	}
	if err := copied("one", nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "two"))
	if err != nil || info.Size() != 5 || info.Mode().Perm()&0o222 != 0 {
		t.Errorf("%v %v", info, err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := tree.CopyFile(folder, filepath.Join(dir, "four"), 0o444, nil); err == nil {
		t.Error("a folder was copied as a file")
	}
}
