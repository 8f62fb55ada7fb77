package tree

import (
	"errors"
	"os"
	"path/filepath"
)

// ReplaceFile replaces the content of a file, whole or not at all, and syncs it. Mode and owner stay; a link is followed.
// Only one caller at a time changes a file: what an interrupted one left beside it is written over. The error wraps
// fs.ErrNotExist when there is no such file.
func ReplaceFile(file string, text []byte) error {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	fresh := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".new")
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	next, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(next.Name())
	_, err = next.Write(text)
	err = errors.Join(err, next.Chmod(info.Mode().Perm()), keepOwner(next.Name(), info), next.Sync(), next.Close())
	if err != nil {
		return err
	}
	return os.Rename(next.Name(), file)
}
