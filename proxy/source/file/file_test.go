package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/route"
	"gateway/proxy/source"
)

// watched is a running source.
type watched struct {
	mu   sync.Mutex
	last said
	// said is what it had said last when pass returned.
	said
}

// said is what a source says.
type said struct {
	listing  source.Listing
	status   source.Status
	listings int
}

// watch runs a source until the test ends.
func watch(t *testing.T, path string, last source.Listing) *watched {
	t.Helper()
	w := &watched{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := New(Config{Name: "file", Path: path, Logger: slog.New(slog.DiscardHandler)})
	go func() {
		done <- s.Run(ctx, last, source.Receiver{
			Publish: func(l source.Listing) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.last.listing, w.last.listings = l, w.last.listings+1
			},
			Report: func(status source.Status) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.last.status = status
			},
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	w.wait(0)
	return w
}

// wait lets time go by, and takes what was said until then.
func (w *watched) wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = w.last
}

// pass lets time go by that is enough to see a change.
func (w *watched) pass() { w.wait(3 * interval) }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wants compares the routes of a listing, such as "/nas http 192.0.2.5:5000".
func (w *watched) wants(t *testing.T, when string, want ...string) {
	t.Helper()
	got := []string{}
	for _, r := range w.listing.Routes {
		text := r.Key.String()
		for _, target := range r.Targets {
			text += fmt.Sprintf(" %s %s", target.Scheme, target.Address)
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: routes %q, want %q; problems %+v", when, got, want, w.listing.Problems)
	}
}

// complains looks for a problem whose text has all parts.
func (w *watched) complains(t *testing.T, subject string, parts ...string) {
	t.Helper()
	for _, p := range w.listing.Problems {
		text := p.Message + "; " + p.Fix
		if p.Subject == subject && !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) }) {
			return
		}
	}
	t.Errorf("no problem of %s with %q in %+v", subject, parts, w.listing.Problems)
}

const nas = "routes:\n  nas:\n    path: /nas\n    target: http://192.0.2.5:5000\n"

func TestSource_FollowsAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "routes.yaml")
		write(t, path, nas)
		w := watch(t, path, source.Listing{})
		w.wants(t, "at first", "/nas http 192.0.2.5:5000")
		if !w.status.Connected || w.status.Version != path {
			t.Errorf("status %+v", w.status)
		}
		write(t, path, strings.ReplaceAll(nas, "192.0.2.5:5000", "192.0.2.77"))
		w.pass()
		w.wants(t, "after an edit", "/nas http 192.0.2.77:80")
		before := w.listings
		w.pass()
		if w.listings != before {
			t.Errorf("%d listings without a change", w.listings-before)
		}
	})
}

func TestSource_KeepsWhatItCannotReadAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "routes.yaml")
		write(t, path, nas)
		w := watch(t, path, source.Listing{})
		write(t, path, nas+"\t- half\n")
		w.pass()
		w.wants(t, "no YAML", "/nas http 192.0.2.5:5000")
		w.complains(t, "routes.yaml:5", "not valid YAML")
		if w.status.Connected || w.status.Err == nil || !strings.Contains(w.status.Err.Error(), "routes.yaml:5") {
			t.Errorf("status %+v", w.status)
		}
		write(t, path, nas+"    rate: ten\n  new:\n    path: /new\n    target: http://192.0.2.6\n")
		w.pass()
		w.wants(t, "one bad route", "/nas http 192.0.2.5:5000", "/new http 192.0.2.6:80")
		w.complains(t, "routes.yaml:5", "rate", "stays as it was")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		w.pass()
		w.wants(t, "no file", "/nas http 192.0.2.5:5000", "/new http 192.0.2.6:80")
		if w.status.Connected || !errors.Is(w.status.Err, fs.ErrNotExist) {
			t.Errorf("status %+v", w.status)
		}
		write(t, path, nas)
		w.pass()
		w.wants(t, "corrected", "/nas http 192.0.2.5:5000")
		if len(w.listing.Problems) != 0 || !w.status.Connected {
			t.Errorf("problems %+v, status %+v", w.listing.Problems, w.status)
		}
	})
}

func TestSource_KeepsWhatItCannotReadOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		path := filepath.Join(folder, "routes.yaml")
		write(t, path, nas)
		write(t, filepath.Join(folder, "more.yml"), strings.ReplaceAll(nas, "nas", "more"))
		before := watch(t, folder, source.Listing{})
		before.wants(t, "before", "/more http 192.0.2.5:5000", "/nas http 192.0.2.5:5000")
		write(t, path, "routes: {nas: {path: /nas, target: 'http://192.0.2.5:5000', rate: ten}}")
		if err := os.Remove(filepath.Join(folder, "more.yml")); err != nil {
			t.Fatal(err)
		}
		after := watch(t, folder, before.listing)
		after.wants(t, "after", "/nas http 192.0.2.5:5000")
		after.complains(t, "routes.yaml:1", "rate", "stays as it was")
		nothing := watch(t, filepath.Join(folder, "none"), before.listing)
		nothing.wants(t, "without the folder", "/more http 192.0.2.5:5000", "/nas http 192.0.2.5:5000")
	})
}

func TestSource_ReadsTheFilesOfAFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, filepath.Join(folder, "a.yaml"), nas)
		write(t, filepath.Join(folder, "b.yml"), strings.ReplaceAll(nas, "nas:", "twin:")+"  home:\n    path: /home\n    target: http://192.0.2.6\n")
		write(t, filepath.Join(folder, ".hidden.yaml"), strings.ReplaceAll(nas, "nas", "hidden"))
		write(t, filepath.Join(folder, "notes.txt"), "notes")
		if err := os.Mkdir(filepath.Join(folder, "folder.yaml"), 0o700); err != nil {
			t.Fatal(err)
		}
		w := watch(t, folder, source.Listing{})
		w.wants(t, "at first", "/nas http 192.0.2.5:5000", "/home http 192.0.2.6:80")
		w.complains(t, "b.yml:2", "/nas", "nas (a.yaml:2)", "give one of them another path")
		if err := os.Remove(filepath.Join(folder, "a.yaml")); err != nil {
			t.Fatal(err)
		}
		w.pass()
		w.wants(t, "without a.yaml", "/nas http 192.0.2.5:5000", "/home http 192.0.2.6:80")
		if len(w.listing.Problems) != 0 {
			t.Errorf("problems %+v", w.listing.Problems)
		}
	})
}

func TestSource_DoesNotReadAFileThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "routes.yaml")
		write(t, path, nas)
		w := watch(t, path, source.Listing{})
		for i := range 4 {
			write(t, path, "routes:\n"+strings.Repeat("\n", i))
			w.wait(interval)
		}
		w.wants(t, "while it is written", "/nas http 192.0.2.5:5000")
		w.pass()
		w.wants(t, "in the end")
	})
}

func TestSource_ReadsTheFirstOfTwoRoutesWithOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "routes.yaml")
		write(t, path, nas)
		w := watch(t, path, source.Listing{})
		write(t, path, strings.ReplaceAll(nas, "5000", "6000")+"  nas:\n    path: /other\n    target: http://192.0.2.6\n")
		w.pass()
		w.wants(t, "twice", "/nas http 192.0.2.5:6000")
		w.complains(t, "routes.yaml:5", "there twice")
		if strings.Contains(w.listing.Problems[0].Message, "stays as it was") {
			t.Errorf("the route was read: %+v", w.listing.Problems)
		}
	})
}

func TestSource_EndsRoutesAfterTheirLastDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // Time begins on 2000-01-01.
		path := filepath.Join(t.TempDir(), "routes.yaml")
		write(t, path, nas+"    expires: 2000-01-02\n  old:\n    path: /old\n    redirect: /nas\n    expires: 2000-01-02\n")
		s := New(Config{Path: path, Logger: slog.New(slog.DiscardHandler)})
		s.look(true)
		if l := s.listing(time.Now()); len(l.Routes) != 2 || l.Routes[0].State() != route.Ready {
			t.Errorf("on the day: %+v", l.Routes)
		}
		if l := s.listing(time.Now().AddDate(0, 0, 3)); len(l.Routes) != 1 || l.Routes[0].State() != route.Expired {
			t.Errorf("afterwards: %+v", l.Routes)
		}
		w := watch(t, path, source.Listing{})
		w.wait(61 * time.Minute)
		if w.listings != 2 {
			t.Errorf("%d listings in an hour, want one at its end", w.listings)
		}
	})
}
