package tree

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Unpacker makes files, folders and links of the headers of a tar. It follows no link out of its root. Close sets what
// folders get last.
type Unpacker struct {
	// Root is what all is made in. The caller closes it.
	Root *os.Root

	folders []folder
}

type folder struct {
	name string
	head *tar.Header
}

// Add makes one thing of that slash-separated name, with the mode and time of the header and, as root, its owner. What is
// there already is an error.
func (u *Unpacker) Add(name string, h *tar.Header, content io.Reader) error {
	name = filepath.FromSlash(name)
	var err error
	switch h.Typeflag {
	case tar.TypeDir:
		err = u.Root.Mkdir(name, 0o700)
		u.folders = append(u.folders, folder{name, h})
	case tar.TypeSymlink:
		err = u.Root.Symlink(filepath.FromSlash(h.Linkname), name)
		if err == nil {
			err = u.own(name, h)
		}
	case tar.TypeLink:
		err = u.Root.Link(filepath.FromSlash(h.Linkname), name)
	default:
		err = u.file(name, h, content)
	}
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", name, err)
	}
	return nil
}

func (u *Unpacker) file(name string, h *tar.Header, content io.Reader) error {
	f, err := u.Root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return u.finish(name, h)
}

// finish sets owner, mode and time, in this order: a change of the owner takes bits of the mode away.
func (u *Unpacker) finish(name string, h *tar.Header) error {
	if err := u.own(name, h); err != nil {
		return err
	}
	if err := u.Root.Chmod(name, h.FileInfo().Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err != nil {
		return err
	}
	return u.Root.Chtimes(name, time.Time{}, h.ModTime)
}

// own gives a file to who had it. Only root can.
func (u *Unpacker) own(name string, h *tar.Header) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return u.Root.Lchown(name, h.Uid, h.Gid)
}

// Close sets the modes and times of folders, the innermost first: files may have come into read-only ones.
func (u *Unpacker) Close() error {
	for _, f := range slices.Backward(u.folders) {
		if err := u.finish(f.name, f.head); err != nil {
			return fmt.Errorf("unpacking %s: %w", f.name, err)
		}
	}
	return nil
}
