package accesslog

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// disk is a file system with so much room.
type disk struct{ room int }

// fullFile is a file on such a disk: what does not fit is cut off, as write(2) does.
type fullFile struct {
	*os.File
	disk *disk
}

func (f fullFile) Write(p []byte) (int, error) {
	fits := min(len(p), f.disk.room)
	f.disk.room -= fits
	n, err := f.File.Write(p[:fits])
	if err == nil && fits < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

// onDisk opens the path on the disk.
func onDisk(t *testing.T, d *disk, path string) *output {
	t.Helper()
	o, err := newOutput(func() (file, bool, error) {
		f, half, err := openPath(path)
		if err != nil {
			return nil, false, err
		}
		return fullFile{f.(*os.File), d}, half, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.close() })
	return o
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// cut writes three lines of which a line and a half fit.
func cut(t *testing.T, o *output) {
	t.Helper()
	if err := o.write([]byte("first\nsecond\nthird\n")); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a full disk is %v", err)
	}
	if rest := string(o.rest()); rest != "ond\nthird\n" {
		t.Fatalf("left is %q", rest)
	}
}

func resumed(t *testing.T, o *output, path, want string) {
	t.Helper()
	if err := o.resume(); err != nil {
		t.Fatal(err)
	}
	if err := o.write([]byte("fourth\n")); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != want {
		t.Errorf("the file holds %q, want %q", got, want)
	}
}

func TestOutput_EndsTheLineThatADiskCutOff(t *testing.T) {
	path, d := filepath.Join(t.TempDir(), "log"), &disk{room: 9}
	o := onDisk(t, d, path)
	cut(t, o)
	if err := o.resume(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("still full: %v", err)
	}
	d.room = 2
	if err := o.resume(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full again: %v", err)
	}
	d.room = 100
	resumed(t, o, path, "first\nsecond\nthird\nfourth\n")
}

func TestOutput_BeginsTheLineAnewInAFileThatWasEmptied(t *testing.T) {
	path, d := filepath.Join(t.TempDir(), "log"), &disk{room: 9}
	o := onDisk(t, d, path)
	cut(t, o)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	d.room = 100
	resumed(t, o, path, "second\nthird\nfourth\n")
}

func TestOutput_BeginsTheLineAnewAfterWhatAnotherWrote(t *testing.T) {
	path, d := filepath.Join(t.TempDir(), "log"), &disk{room: 9}
	o := onDisk(t, d, path)
	cut(t, o)
	if err := os.WriteFile(path, []byte("first\nsecother"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Not even the line feed before it fits at first.
	if err := o.resume(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("still full: %v", err)
	}
	d.room = 100
	resumed(t, o, path, "first\nsecother\nsecond\nthird\nfourth\n")
}

func TestOutput_BeginsANewLineInAFileThatEndsWithinOne(t *testing.T) {
	for before, want := range map[string]string{"": "x\n", "whole\n": "whole\nx\n", "half": "half\nx\n"} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		o := onDisk(t, &disk{room: 100}, path)
		if err := o.write([]byte("x\n")); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != want {
			t.Errorf("after %q the file holds %q", before, got)
		}
	}
}

func TestOutput_LeavesAFullDiskForAnotherWithWholeLines(t *testing.T) {
	for name, c := range map[string]struct {
		roomLater          int
		wantOld, wantMoved string
	}{
		"room to end the line": {4, "first\nsecond\n", "third\nfourth\n"},
		"room for a part":      {2, "first\nsecon", "second\nthird\nfourth\n"},
		"no room":              {0, "first\nsec", "second\nthird\nfourth\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, d := t.TempDir(), &disk{room: 9}
			o := onDisk(t, d, filepath.Join(dir, "old"))
			cut(t, o)
			d.room = c.roomLater
			o.open = func() (file, bool, error) { return openPath(filepath.Join(dir, "new")) }
			if err := o.reopen(); err != nil {
				t.Fatal(err)
			}
			resumed(t, o, filepath.Join(dir, "new"), c.wantMoved)
			if got := content(t, filepath.Join(dir, "old")); got != c.wantOld {
				t.Errorf("the old file holds %q, want %q", got, c.wantOld)
			}
		})
	}
}

func TestOutput_KeepsItsFileWhenThereIsNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	o := onDisk(t, &disk{room: 9}, path)
	cut(t, o)
	gone := errors.New("gone")
	o.open = func() (file, bool, error) { return nil, false, gone }
	if err := o.reopen(); !errors.Is(err, gone) {
		t.Errorf("it opened: %v", err)
	}
	o.to.(fullFile).disk.room = 100
	resumed(t, o, path, "first\nsecond\nthird\nfourth\n")
}

// halting takes so many bytes and then fails once.
type halting struct {
	strings.Builder
	left int
}

func (h *halting) Write(p []byte) (int, error) {
	if h.left < len(p) {
		n, _ := h.Builder.Write(p[:h.left])
		h.left = 1 << 20
		return n, io.ErrShortWrite
	}
	h.left -= len(p)
	return h.Builder.Write(p)
}

func TestOutput_GoesOnInAStreamWhereItStopped(t *testing.T) {
	h := &halting{left: 9}
	o, err := newOutput(func() (file, bool, error) { return stream{h}, false, nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := o.write([]byte("first\nsecond\n")); !errors.Is(err, io.ErrShortWrite) {
		t.Fatal(err)
	}
	if err := o.resume(); err != nil || h.String() != "first\nsecond\n" {
		t.Errorf("the stream got %q, %v", h.String(), err)
	}
}

func TestOpen_SaysWhatToDoAboutABadPath(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(Config{Path: filepath.Join(dir, "none", "access.log")})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), filepath.Join(dir, "none")+"; create it") {
		t.Errorf("a missing folder is: %v", err)
	}
	if _, err := Open(Config{Path: dir}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder is: %v", err)
	}
}
