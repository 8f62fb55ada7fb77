package invite

import (
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// How often a file is looked at, and the age from which its time of change tells one content from the next: clocks of
// file systems are coarse.
const (
	lookEvery = time.Second
	settled   = 2 * time.Second
)

// watched is a file that others replace or edit while its content is in use.
type watched[T any] struct {
	// path finds the file; it is empty when there is none.
	path func() string
	read func(path string) (T, error)
	log  *slog.Logger

	mu sync.Mutex
	// value is the last that could be read.
	value  T
	looked time.Time
	// info is of the file as it was read at that time, nil when there was none.
	info   fs.FileInfo
	at     time.Time
	failed string
}

// now returns what the file says, at most a second old. A file that cannot be read changes nothing; that is logged once.
func (w *watched[T]) now() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); w.looked.IsZero() || now.Sub(w.looked) >= lookEvery {
		w.looked = now
		if err := w.refresh(now); err != nil {
			w.warn(err)
		} else {
			w.failed = ""
		}
	}
	return w.value
}

// load reads the file whatever is known of it.
func (w *watched[T]) load() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked = time.Now()
	return w.refresh(w.looked)
}

// refresh reads the file if it may have changed.
func (w *watched[T]) refresh(now time.Time) error {
	path := w.path()
	info, err := os.Stat(path)
	if err != nil {
		info = nil
	}
	if !w.at.IsZero() && w.same(info) && w.failed == "" {
		return nil
	}
	value, err := w.read(path)
	if err != nil {
		return err
	}
	w.value, w.info, w.at = value, info, now
	return nil
}

// same reports whether the file cannot but hold what was read.
func (w *watched[T]) same(info fs.FileInfo) bool {
	if info == nil || w.info == nil {
		return info == nil && w.info == nil
	}
	return os.SameFile(info, w.info) && info.Size() == w.info.Size() && info.ModTime().Equal(w.info.ModTime()) &&
		w.at.Sub(info.ModTime()) > settled
}

func (w *watched[T]) warn(err error) {
	if w.failed != err.Error() {
		w.failed = err.Error()
		w.log.Warn("a file cannot be read, and what it said before goes on", "file", w.path(), "error", err)
	}
}
