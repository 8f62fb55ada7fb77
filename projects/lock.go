package projects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// lockPatience is how long one command waits for another to be done with a project.
const lockPatience = 5 * time.Second

// locks is the folder of lock files, beside the projects: a lock outlives the folder that it is about.
const locks = ".locks"

// poolPatience is how long one command waits for others that make projects: they copy and check files meanwhile.
const poolPatience = time.Minute

// poolLock is held from the choice of a subnet until the compose.yaml that has it is in place.
const poolLock = ".pool"

// ErrBusy says that another process is changing the project.
var ErrBusy = errors.New("busy")

// Lock makes this the only process, and the only caller in it, that changes the project until the returned function
// is called. It waits some seconds for another; then the error wraps ErrBusy and says which process that is. The lock
// goes with the process.
func (s Store) Lock(ctx context.Context, name Name) (unlock func(), err error) {
	return s.lock(ctx, string(name), lockPatience)
}

func (s Store) lock(ctx context.Context, name string, patience time.Duration) (unlock func(), err error) {
	made := isGone(s.root)
	file := filepath.Join(s.root, locks, name+".lock")
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		held, err := s.tryLock(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if held != nil {
			return func() { s.release(held, made) }, nil
		}
		select {
		case <-wait.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%s is %w: %s is changing it; run the command again when that is done", strings.TrimPrefix(name, "."), ErrBusy, holder(file))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// tryLock makes the folders and locks the file; it returns nil when another holds the lock. The error is fs.ErrNotExist when a
// process that was done removed a folder meanwhile.
func (s Store) tryLock(file string) (*flock.Flock, error) {
	if err := s.makeRoot(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Dir(file), privateMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, unwritable(s.root, err)
	}
	held, err := lockFile(file)
	if err != nil {
		return nil, unwritable(s.root, err)
	}
	return held, nil
}

// lockFile returns nil when another holds the lock.
func lockFile(file string) (*flock.Flock, error) {
	held := flock.New(file)
	ok, err := held.TryLock()
	if err != nil || !ok {
		return nil, errors.Join(err, held.Close())
	}
	// The one before us deletes the file when it is done: then what we locked is a file that nobody else will find.
	mine, err := held.Stat()
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	now, err := os.Stat(file)
	if err != nil || !os.SameFile(mine, now) {
		return nil, held.Close()
	}
	// For people alone; whoever may lock need not be allowed to write.
	_ = os.WriteFile(file, []byte(fmt.Sprintf("process %d", os.Getpid())), 0o644)
	return held, nil
}

// release deletes the file while it is still locked, so that no two processes hold locks on different files. The folders
// that were made for it go when nothing came into them.
func (s Store) release(held *flock.Flock, made bool) {
	_ = os.Remove(held.Path())
	_ = held.Close()
	if made && os.Remove(filepath.Join(s.root, locks)) == nil {
		_ = os.Remove(s.root)
	}
}

func holder(file string) string {
	text, err := os.ReadFile(file)
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return string(text)
}

// unwritable says what to do about a projects folder that cannot be changed.
func unwritable(root string, err error) error {
	return fmt.Errorf("the projects folder %s cannot be written: %w; run this as its owner, or name another folder with --projects or $GATEWAY_PROJECTS", root, err)
}
