// Package durable replaces small files whole. It knows names, modes and the order of system calls that survives a crash
// at any time; it knows nothing of what the files hold. The one policy worth stating: who reads the file sees what it
// held before or what it holds now, never a part, and of what a crash left half written the next Write clears up.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Write puts content in place of the file at path, or makes it, with that mode whatever the umask is. The content is on
// the disk before the name leads to it. Only one caller at a time may write a file; any number may read it.
func Write(path string, content []byte, mode os.FileMode) error {
	sweep(path)
	f, err := os.CreateTemp(filepath.Dir(path), prefix(path)+"*"+suffix)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Chmod(f.Name(), mode)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return settle(filepath.Dir(path))
}

// Temporary names are in the folder of the file, so that renaming is atomic: a prefix, a number and a suffix.
const suffix = ".part"

func prefix(path string) string { return "." + filepath.Base(path) + "-" }

// sweep removes what calls that did not end left behind. What cannot be removed hurts nobody but the disk.
func sweep(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		number, found := strings.CutPrefix(strings.TrimSuffix(e.Name(), suffix), prefix(path))
		if found && strings.HasSuffix(e.Name(), suffix) && strings.Trim(number, "0123456789") == "" {
			_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

// settle syncs the folder, so that the new name survives a loss of power. Windows has no such call.
func settle(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return fmt.Errorf("syncing the folder %s: %w", dir, err)
	}
	return nil
}
