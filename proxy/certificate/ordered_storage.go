package certificate

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gateway/proxy/durable"

	"github.com/caddyserver/certmagic"
	"github.com/gofrs/flock"
)

// storage keeps accounts, keys and certificates in a folder, in the layout of certmagic. It differs from certmagic's own
// in three ways: its locks belong to the process, so that those of a killed one are free at once; files survive a loss of
// power; and what the disk has no room for stays in memory until it has, since a certificate that is issued and lost
// costs the quota of the next one.
type storage struct {
	files *certmagic.FileStorage
	log   *slog.Logger

	// mu guards what is below.
	mu      sync.Mutex
	held    map[string]*flock.Flock
	pending map[string][]byte
	// trouble is why something is pending.
	trouble error
}

// poll is how often a lock of another process is looked at.
const poll = 200 * time.Millisecond

func newStorage(folder string, log *slog.Logger) (*storage, error) {
	s := &storage{
		files: &certmagic.FileStorage{Path: folder}, log: log,
		held: map[string]*flock.Flock{}, pending: map[string][]byte{},
	}
	for _, dir := range []string{folder, filepath.Join(folder, "locks"), filepath.Join(folder, "orders")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the folder for certificates: %w", err)
		}
		// Another's umask, a volume or a backup may have opened it.
		if err := os.Chmod(dir, 0o700); err != nil {
			log.Warn("the folder for certificates may be open to others", "folder", dir, "error", err)
		}
	}
	return s, nil
}

// probe is the prefix of the names by which certmagic finds out whether the storage works.
const probe = "rw_test_"

// Store implements certmagic.Storage. Only a probe fails for a full disk.
func (s *storage) Store(_ context.Context, key string, value []byte) error {
	err := s.write(key, value)
	if strings.HasPrefix(key, probe) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.pending, key)
		return nil
	}
	s.pending[key], s.trouble = slices.Clone(value), err
	s.log.Error("cannot store a file; it is kept in memory and written again", "file", key, "error", err)
	return nil
}

func (s *storage) write(key string, value []byte) error {
	path := s.files.Filename(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	certificate := strings.HasPrefix(key, "certificates/")
	switch {
	case certificate && strings.HasSuffix(key, ".key"):
		// The key is replaced before its certificate: a crash between both must not lose the pair that is in use.
		if _, err := tls.LoadX509KeyPair(strings.TrimSuffix(path, ".key")+".crt", path); err == nil {
			if err := os.Rename(path, path+old); err != nil {
				return err
			}
		}
	case certificate && strings.HasSuffix(key, ".json"):
		// It is the last file of a certificate.
		_ = os.Remove(strings.TrimSuffix(path, ".json") + ".key" + old)
	}
	return durable.Write(path, value, 0o600)
}

// old is the suffix of the key that was replaced last.
const old = ".old"

// flush writes again what could not be written, and returns why that still fails.
func (s *storage) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// In the order in which certmagic stores them: write counts on it.
	rank := func(key string) int { return slices.Index([]string{".key", ".crt", ".json"}, filepath.Ext(key)) }
	keys := slices.SortedFunc(maps.Keys(s.pending), func(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) })
	for _, key := range keys {
		if err := s.write(key, s.pending[key]); err != nil {
			s.trouble = err
			return err
		}
		delete(s.pending, key)
		s.log.Info("stored a file that was kept in memory", "file", key)
	}
	s.trouble = nil
	return nil
}

// missing returns why files of a certificate are not on disk; nil if they are.
func (s *storage) missing(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	safe := "/" + certmagic.StorageKeys.Safe(name) + "/"
	for key := range s.pending {
		if strings.Contains(key, safe) {
			return s.trouble
		}
	}
	return nil
}

func (s *storage) inMemory(key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, found := s.pending[key]
	return slices.Clone(value), found
}

// Load implements certmagic.Storage.
func (s *storage) Load(ctx context.Context, key string) ([]byte, error) {
	if value, found := s.inMemory(key); found {
		return value, nil
	}
	return s.files.Load(ctx, key)
}

// Exists implements certmagic.Storage.
func (s *storage) Exists(ctx context.Context, key string) bool {
	_, found := s.inMemory(key)
	return found || s.files.Exists(ctx, key)
}

// Delete implements certmagic.Storage.
func (s *storage) Delete(ctx context.Context, key string) error {
	s.mu.Lock()
	delete(s.pending, key)
	s.mu.Unlock()
	return s.files.Delete(ctx, key)
}

// List implements certmagic.Storage; what is in memory is not listed.
func (s *storage) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	return s.files.List(ctx, prefix, recursive)
}

// Stat implements certmagic.Storage.
func (s *storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	if value, found := s.inMemory(key); found {
		return certmagic.KeyInfo{Key: key, Modified: time.Now(), Size: int64(len(value)), IsTerminal: true}, nil
	}
	return s.files.Stat(ctx, key)
}

// Lock implements certmagic.Locker. The operating system releases the lock of a process that ends.
func (s *storage) Lock(ctx context.Context, name string) error {
	l := flock.New(filepath.Join(s.files.Path, "locks", certmagic.StorageKeys.Safe(name)+".lock"), flock.SetPermissions(0o600))
	locked, err := l.TryLockContext(ctx, poll)
	if err == nil && !locked {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("locking %s: %w", name, err)
	}
	s.mu.Lock()
	s.held[name] = l
	s.mu.Unlock()
	return nil
}

// Unlock implements certmagic.Locker. The file stays: removing it would let two processes hold one lock.
func (s *storage) Unlock(_ context.Context, name string) error {
	s.mu.Lock()
	l := s.held[name]
	delete(s.held, name)
	s.mu.Unlock()
	if l == nil {
		return fmt.Errorf("unlocking %s: it is not locked", name)
	}
	return l.Unlock()
}

// setAside renames the files of a certificate that make no pair, so that people can look at them and a new one is
// ordered.
func (s *storage) setAside(issuer, name string) error {
	keys := certmagic.StorageKeys
	for _, key := range []string{keys.SitePrivateKey(issuer, name), keys.SiteCert(issuer, name), keys.SiteMeta(issuer, name)} {
		path := s.files.Filename(key)
		if err := os.Rename(path, path+".bad"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("setting a torn file aside: %w", err)
		}
	}
	return nil
}
