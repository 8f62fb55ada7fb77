package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// Limits bound what is copied: a folder named by mistake, such as a home folder, ends there. 0 is no bound.
type Limits struct {
	// Files counts files, folders and links.
	Files int
	// Bytes is the size of all files together.
	Bytes int64
}

// ErrGrew says that a folder has more bytes than may be copied.
var ErrGrew = errors.New("the folder grew meanwhile")

// Entry is one file, folder or link of a copy.
type Entry struct {
	// Name is its slash-separated path, in the folder and in the copy.
	Name string
	// Mode says what it is, and the permissions of the copy, whatever the umask. A link has none.
	Mode fs.FileMode
	// Size is that of a file, when somebody looked.
	Size int64
	// Time is what the time of a file is set to; zero leaves it at now.
	Time time.Time
	// Link is where a link leads.
	Link string
	// From has the file in place of the copier's root; it may be nil.
	From *os.Root
}

// Copier copies what somebody looked through.
type Copier struct {
	// Root has what is copied. The caller closes it.
	Root *os.Root
	// Most is how many bytes the files may have together; 0 is no bound.
	Most int64
	// Owners says that copies get the owners of what they are made of, where one may: as root.
	Owners bool
}

// Copy makes a new folder of the entries, each behind the folder that it is in. What is not what it was when it was looked
// through is an error; it wraps ErrGrew for more bytes than may be.
func (c Copier) Copy(ctx context.Context, to string, entries []Entry) error {
	if err := MakeFolder(to, 0o755); err != nil {
		return err
	}
	left := c.Most
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.one(e, filepath.Join(to, filepath.FromSlash(e.Name)), &left); err != nil {
			return fmt.Errorf("copying %s: %w", path.Join(c.Root.Name(), e.Name), err)
		}
	}
	return nil
}

// MakeFolder makes a folder with that mode, whatever the umask.
func MakeFolder(dir string, mode fs.FileMode) error {
	if err := os.Mkdir(dir, mode); err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

// one copies one entry. Left is how many bytes may still come when there is a bound.
func (c Copier) one(e Entry, to string, left *int64) error {
	var err error
	switch {
	case e.Mode.IsDir():
		err = MakeFolder(to, e.Mode.Perm())
	case e.Mode&fs.ModeSymlink != 0:
		err = os.Symlink(e.Link, to)
	default:
		err = c.file(e, to, left)
	}
	if err != nil || !c.Owners {
		return err
	}
	info, err := c.Root.Lstat(filepath.FromSlash(e.Name))
	if err != nil {
		return err
	}
	return keepOwner(to, info)
}

func (c Copier) file(e Entry, to string, left *int64) error {
	root := c.Root
	if e.From != nil {
		root = e.From
	}
	from, err := root.Open(filepath.FromSlash(e.Name))
	if err != nil {
		return err
	}
	defer from.Close()
	bound := left
	if c.Most == 0 {
		bound = nil
	}
	if err := CopyFile(from, to, e.Mode.Perm(), bound); err != nil || e.Time.IsZero() {
		return err
	}
	return os.Chtimes(to, e.Time, e.Time)
}

// CopyFile copies an open file to a new one with that mode, whatever the umask. Left is how many bytes may still come, and
// is lowered by those that came; nil is any number. The error is ErrGrew when there are more. The caller closes from.
func CopyFile(from *os.File, to string, mode fs.FileMode, left *int64) error {
	// It may have been exchanged since somebody looked.
	if info, err := from.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(errors.New("it is no plain file any more; run the command again"), err)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(copyBytes(out, from, left), out.Chmod(mode), out.Close())
}

// copyBytes lets the system copy between files of one disk, which may share the bytes.
func copyBytes(out, from *os.File, left *int64) error {
	if left == nil {
		_, err := io.Copy(out, from)
		return err
	}
	n, err := io.Copy(out, io.LimitReader(from, *left+1))
	if *left -= n; err == nil && *left < 0 {
		return ErrGrew
	}
	return err
}
