package tree_test

import (
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
