// Package file is the source that reads routes from YAML files, to targets that are not in Docker. It knows the spelling of
// the files and watches them; the options of a route are those of labels, and proxy/label reads them. The policy worth
// stating: what cannot be read stays as it was before, a file as a whole or a single route of it, and is a problem with file
// and line.
//
// A file names its routes, and gives each the options that labels have without "gateway.":
//
//	routes:
//	  nas:
//	    path: /nas
//	    target: http://192.0.2.5:5000
//	  home:
//	    host: home.example.org
//	    path: /
//	    targets: [http://192.0.2.6:8123, http://192.0.2.7:8123]
//	    health.path: /manifest.json
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/proxy/source"
)

const (
	// interval is how often the files are looked at. A file is read when it did not change from one look to the next, so that
	// half of it is not taken for the whole.
	interval = 500 * time.Millisecond
	// reportEvery is how many looks pass between two reports of the same.
	reportEvery = 20
	// maxFiles is the most files of a folder.
	maxFiles = 100
)

// Config says what to read.
type Config struct {
	// Name is the source's, which its routes bear.
	Name string
	// Path is a file, or a folder of which all files with the extensions .yaml and .yml are read, but for hidden ones.
	Path   string
	Logger *slog.Logger
}

// Source reads the files of one path.
type Source struct {
	config Config
	files  map[string]*contents
	// folder is that of the files.
	folder string
	// err is why the path cannot be read, published when the last listing was made, and listed when all files could be read
	// last.
	err       error
	published time.Time
	listed    time.Time
}

// New prepares a source.
func New(c Config) *Source { return &Source{config: c, files: map[string]*contents{}} }

// stamp tells one state of a file from the next.
type stamp struct {
	changed time.Time
	size    int64
}

// Run publishes the routes of the files until ctx ends, as source.Source says. It always publishes a listing at first, which
// holds the routes of last as far as the files cannot be read.
func (s *Source) Run(ctx context.Context, last source.Listing, to source.Receiver) error {
	s.restore(last)
	s.look(true)
	s.publish(to, time.Now())
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for looks := 1; ; looks++ {
		select {
		case now := <-ticker.C:
			if s.look(false) || !now.Truncate(time.Hour).Equal(s.published.Truncate(time.Hour)) { // A route may have ended.
				s.publish(to, now)
			} else if looks%reportEvery == 0 {
				to.Report(s.status(now))
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Read reads the files of a path once.
func Read(c Config) (source.Listing, error) {
	s := New(c)
	s.look(true)
	return s.listing(time.Now()), s.err
}

func (s *Source) publish(to source.Receiver, now time.Time) {
	s.published = now
	to.Publish(s.listing(now))
	to.Report(s.status(now))
}

// status says whether all files can be read.
func (s *Source) status(now time.Time) source.Status {
	status := source.Status{Connected: true, Version: s.config.Path}
	err := s.err
	for _, name := range s.names() {
		if bad := s.files[name].bad; bad != nil && err == nil {
			err = fmt.Errorf("%s:%d: %s", name, bad.line, bad.message)
		}
	}
	if err != nil {
		status.Connected, status.Err = false, err
	} else {
		s.listed = now
	}
	status.Listed = s.listed
	return status
}

// look reads the files that changed, and reports whether the listing may have. At first it does not wait until a file has
// ceased to change.
func (s *Source) look(first bool) (changed bool) {
	stamps, err := s.stamps()
	if err != nil {
		changed = s.err == nil || s.err.Error() != err.Error()
		if changed {
			s.config.Logger.Warn("the files of routes cannot be read, and the routes stay as they were", "path", s.config.Path, "error", err)
		}
		s.err = err
		return changed
	}
	changed = s.err != nil
	s.err = nil
	for name, now := range stamps {
		known := s.files[name]
		if known == nil {
			known = &contents{}
			s.files[name] = known
		}
		settled := first || known.seen == now
		known.seen, known.missing = now, false
		if settled && known.read != now {
			s.read(name, known)
			changed = true
		}
	}
	for name, known := range s.files {
		if _, there := stamps[name]; there {
			continue
		}
		if !known.missing && !first {
			known.missing = true
			continue
		}
		s.config.Logger.Info("a file of routes is gone", "file", name)
		delete(s.files, name)
		changed = true
	}
	return changed
}

// stamps are those of the files to read, by their names.
func (s *Source) stamps() (map[string]stamp, error) {
	info, err := os.Stat(s.config.Path)
	if err != nil {
		return nil, plain(err)
	}
	s.folder = s.config.Path
	if !info.IsDir() {
		s.folder = filepath.Dir(s.config.Path)
		return map[string]stamp{filepath.Base(s.config.Path): {info.ModTime(), info.Size()}}, nil
	}
	list, err := os.ReadDir(s.config.Path)
	if err != nil {
		return nil, plain(err)
	}
	stamps := map[string]stamp{}
	for _, e := range list {
		name := e.Name()
		if ext := filepath.Ext(name); strings.HasPrefix(name, ".") || ext != ".yaml" && ext != ".yml" {
			continue
		}
		info, err := os.Stat(filepath.Join(s.config.Path, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // It was removed a moment ago, or is a link to nothing.
		}
		if err != nil {
			return nil, plain(err)
		}
		if !info.Mode().IsRegular() {
			continue
		}
		if len(stamps) == maxFiles {
			return nil, fmt.Errorf("it has more than %d files", maxFiles)
		}
		stamps[name] = stamp{info.ModTime(), info.Size()}
	}
	return stamps, nil
}

// names are those of the files, sorted.
func (s *Source) names() []string { return slices.Sorted(maps.Keys(s.files)) }

// read reads a file.
func (s *Source) read(name string, into *contents) {
	into.read = into.seen
	text, err := readAll(filepath.Join(s.folder, name))
	if err != nil {
		into.bad = &fault{line: 1, message: "it cannot be read: " + plain(err).Error(), fix: "correct its permissions; its routes stay as they were"}
		into.faults = nil
	} else {
		into.take(s.config.Name, name, text)
	}
	level := slog.LevelInfo
	if into.bad != nil || len(into.faults) > 0 {
		level = slog.LevelWarn
	}
	s.config.Logger.Log(context.Background(), level, "read a file of routes", "file", name, "routes", len(into.routes), "problems", len(into.problems()))
}

// readAll reads a file up to one byte beyond the most that is taken.
func readAll(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}

// plain leaves out the path, which is named elsewhere.
func plain(err error) error {
	if bad, ok := errors.AsType[*fs.PathError](err); ok {
		return bad.Err
	}
	return err
}
