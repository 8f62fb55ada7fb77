// Package site serves one folder of static files over HTTP, or of several versions the current one. It knows which
// files may be seen and how HTTP describes them: types, validators, ranges, encodings, how long to keep them. It knows
// nothing of prefixes, projects or the gateway in front of it, and works below any prefix because every redirect it
// sends is relative. The policy: what is not plainly a visible file inside the folder does not exist; there are no
// listings, no dotfiles but /.well-known, and no way out of the folder through a symbolic link. An answer is of one
// version; the only files that outlive theirs, for an hour, are parts of pages with a hash in their name.
package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"gateway/proxy/bounded"
	"gateway/proxy/limit"
)

// Config says what to serve.
type Config struct {
	// Root is the folder; it has to exist.
	Root string
	// Versions may name a folder of versions: as soon as there is a folder current/site in it, that is served in place of
	// Root. current is a link, and from the request after it was changed on all answers come from where it leads then.
	Versions string
	// SPA answers a browser's GET of a path without an extension that names no file with /index.html and 200, as
	// single-page apps with client-side routes need it.
	SPA bool
	// Log hears of files that the owner meant to serve and that cannot be read; nil is silence.
	Log *slog.Logger
}

// Site is an http.Handler for one folder, safe for concurrent use. Changes of the files show at once. Close it when
// no request is under way any more.
type Site struct {
	// link is the path of the current version, empty without versions.
	link   string
	spa    bool
	log    *slog.Logger
	packed *packer

	// mu guards the current edition, and those before it, the latest first.
	mu      sync.Mutex
	current *edition
	earlier []*edition
}

// bodyTimeout bounds bodies, which no request for a file needs.
const bodyTimeout = 30 * time.Second

// Open prepares the folder for serving. The error names the folder and what is wrong with it.
func Open(config Config) (*Site, error) {
	log := config.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Site{link: linkOf(config.Versions), spa: config.SPA, log: log, packed: newPacker()}
	dir := config.Root
	if info, err := os.Stat(s.link); err == nil && info.IsDir() {
		dir = s.link
	}
	var err error
	if s.current, err = s.openEdition(dir); err != nil {
		return nil, err
	}
	return s, nil
}

// Close gives the folders up.
func (s *Site) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.current.root.Close()
	for _, e := range s.earlier {
		err = errors.Join(err, e.root.Close())
	}
	return err
}

// Serve answers requests from ln until ctx ends, then lets those under way finish for up to ten seconds. It closes
// ln, and returns nil when ctx was what ended it.
func (s *Site) Serve(ctx context.Context, ln net.Listener) error {
	err := bounded.Serve(ctx, ln, bounded.Config{Handler: s, Room: limit.Measure(), Body: bodyTimeout, Log: s.log})
	switch {
	case errors.Is(err, bounded.ErrCutOff):
		s.log.Warn("downloads were cut off at the end")
	case err != nil:
		return fmt.Errorf("serving the site: %w", err)
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this site is made of files: only GET and HEAD work here", http.StatusMethodNotAllowed)
		return
	}
	e := s.enter()
	defer e.leave()
	e.serve(w, withRange(r))
}

// refuse answers a request for which there is no file to send.
func (e *edition) refuse(w http.ResponseWriter, r *http.Request, t target, err error) {
	switch {
	case errors.Is(err, errFolder):
		redirect(w, r, t)
	case missing(err):
		e.notFound(w, r)
	case errors.Is(err, os.ErrPermission):
		e.site.log.Warn("the site's server may not read a file", "file", t.name, "error", err)
		w.Header().Set("Cache-Control", "no-cache")
		http.Error(w, "403: the site's server may not read this file", http.StatusForbidden)
	default:
		e.site.log.Warn("reading a file failed", "file", t.name, "error", err)
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "500: reading this file failed", http.StatusInternalServerError)
	}
}

// redirect leads from a folder's name to the folder. The location is relative, and written by hand because
// http.Redirect would make it absolute, without the prefix that only the gateway knows.
func redirect(w http.ResponseWriter, r *http.Request, t target) {
	location := "./" + t.lastEscaped() + "/"
	if r.URL.RawQuery != "" {
		location += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", location)
	w.Header().Set("Cache-Control", cacheShort)
	w.WriteHeader(http.StatusPermanentRedirect)
}
