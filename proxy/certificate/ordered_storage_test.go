package certificate

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

func TestStorage_IsPrivateWhateverTheFolderWas(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "certificates")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := newStorage(folder, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store(t.Context(), "acme/x/users/y/y.key", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := s.Lock(t.Context(), "issue_*.example.org"); err != nil {
		t.Fatal(err)
	}
	if err := s.keep("*.example.org", record{Failures: 1}); err != nil || s.record("*.example.org").Failures != 1 {
		t.Error(err)
	}
	private(t, folder)
}

func TestStorage_LocksExclude(t *testing.T) {
	folder := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	a, err := newStorage(folder, log)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newStorage(folder, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Lock(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*poll)
	defer cancel()
	if err := b.Lock(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lock that is held: %v", err)
	}
	if err := errors.Join(a.Unlock(t.Context(), "x"), b.Lock(t.Context(), "x"), b.Unlock(t.Context(), "x")); err != nil {
		t.Error(err)
	}
	if err := a.Unlock(t.Context(), "x"); err == nil {
		t.Error("a lock that is not held is released")
	}
}

// A path that is a folder cannot be written, as a disk that is full.
func TestStorage_KeepsWhatItCannotWrite(t *testing.T) {
	s, err := newStorage(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	const key = "certificates/ca/site.example.org/site.example.org.crt"
	path := s.files.Filename(key)
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Store(t.Context(), key, []byte("chain")); err != nil {
		t.Errorf("it is lost: %v", err)
	}
	if text, err := s.Load(t.Context(), key); err != nil || string(text) != "chain" || !s.Exists(t.Context(), key) {
		t.Errorf("read back: %q, %v", text, err)
	}
	if info, err := s.Stat(t.Context(), key); err != nil || info.Size != 5 || !info.IsTerminal {
		t.Errorf("%+v, %v", info, err)
	}
	if s.missing("site.example.org") == nil || s.missing("example.org") != nil || s.flush() == nil {
		t.Error("it does not say what is missing")
	}
	if err := s.Store(t.Context(), probe+"1", []byte("x")); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.flush(); err != nil || s.missing("site.example.org") != nil {
		t.Errorf("with room: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "chain" {
		t.Errorf("on disk: %q, %v", text, err)
	}
	if err := s.Delete(t.Context(), key); err != nil || s.Exists(t.Context(), key) {
		t.Error("it is not deleted")
	}
}

func TestStorage_KeepsThePairInACrash(t *testing.T) {
	s, err := newStorage(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	const prefix = "certificates/ca/a.example.org/a.example.org"
	first, second, third := named(t, "a.example.org"), named(t, "a.example.org"), named(t, "a.example.org")
	store := func(suffix string, value []byte) {
		t.Helper()
		if err := s.Store(t.Context(), prefix+suffix, value); err != nil {
			t.Fatal(err)
		}
	}
	store(".key", first.key)
	store(".crt", first.certificate)
	store(".json", []byte("{}"))
	// Two renewals in a row that crash after their keys.
	for _, next := range []*issued{second, third} {
		store(".key", next.key)
		if got, err := s.load("ca", "a.example.org"); err != nil || got.Leaf == nil {
			t.Fatalf("the pair is lost: %v", err)
		}
	}
	store(".crt", third.certificate)
	store(".json", []byte("{}"))
	if _, err := s.load("ca", "a.example.org"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.files.Filename(prefix + ".key" + old)); err == nil {
		t.Error("the old key stays")
	}
	store(".crt", []byte("torn"))
	if _, err := s.load("ca", "a.example.org"); err == nil {
		t.Error("a torn certificate is loaded")
	}
}

func TestSlogCore_WritesFields(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	z := zap.New(slogCore{log: log}).Named("obtain").With(zap.String("identifier", "a.example.org"))
	z.Info("each step")
	z.Warn("odd", zap.Duration("wait", time.Second), zap.Error(errors.New("no")))
	z.Error("failed")
	want := "level=INFO msg=odd part=obtain error=no identifier=a.example.org wait=1s\nlevel=WARN msg=failed part=obtain identifier=a.example.org\n"
	if got := text.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, strings.TrimSpace(want))
	}
}

// A certificate is stored again key first, so that a crash in between leaves a pair.
func TestStorage_WritesTheKeyFirst(t *testing.T) {
	for range 5 { // Maps are in any order.
		s, err := newStorage(t.TempDir(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		const prefix = "certificates/ca/a.example.org/a.example.org"
		// The disk takes the key alone: a folder is in the way of the others.
		for _, suffix := range []string{".key", ".crt", ".json"} {
			s.pending[prefix+suffix] = []byte("new")
		}
		for _, suffix := range []string{".crt", ".json"} {
			if err := os.MkdirAll(s.files.Filename(prefix+suffix), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if s.flush() == nil {
			t.Error("it does not say what is missing")
		}
		if _, found := s.inMemory(prefix + ".key"); found {
			t.Error("the key is not the first")
		}
		if err := os.Remove(s.files.Filename(prefix + ".json")); err != nil {
			t.Fatal(err)
		}
		if _ = s.flush(); s.pending[prefix+".json"] == nil {
			t.Error("the last file is written before the certificate")
		}
	}
}

// Names that differ may have one path: what is stored there is shown for its own name alone.
func TestStorage_LoadsNoCertificateOfAnotherName(t *testing.T) {
	s, err := newStorage(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	host := named(t, "fd00--1")
	for suffix, value := range map[string][]byte{".key": host.key, ".crt": host.certificate} {
		if err := s.Store(t.Context(), "certificates/internal/fd00--1/fd00--1"+suffix, value); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.load("internal", "fd00::1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another name: %v", err)
	}
	if _, err := s.load("internal", "fd00--1"); err != nil {
		t.Errorf("its own name: %v", err)
	}
}
