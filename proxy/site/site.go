// Package site serves one folder of static files over HTTP. It knows which files may be seen and how HTTP describes
// them: types, validators, ranges, encodings, how long to keep them. It knows nothing of prefixes, projects or the
// gateway in front of it, and works below any prefix because every redirect it sends is relative. The policy: what is
// not plainly a visible file inside the folder does not exist; there are no listings, no dotfiles but /.well-known,
// and no way out of the folder through a symbolic link.
package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// Config says what to serve.
type Config struct {
	// Root is the folder; it has to exist.
	Root string
	// SPA answers a browser's GET of a path without an extension that names no file with /index.html and 200, as
	// single-page apps with client-side routes need it.
	SPA bool
	// Log hears of files that the owner meant to serve and that cannot be read; nil is silence.
	Log *slog.Logger
}

// Site is an http.Handler for one folder, safe for concurrent use. Changes of the files show at once. Close it when
// no request is under way any more.
type Site struct {
	root   *os.Root
	spa    bool
	log    *slog.Logger
	facts  factCache
	packed *packer
}

// How long a client may take for a request's head, how long an idle connection is kept (longer than the proxy in
// front pools it, so that the pool never picks one that is just being closed), and how long downloads that are under
// way at the end may still take.
const (
	headTimeout     = 10 * time.Second
	idleTimeout     = 3 * time.Minute
	shutdownTimeout = 10 * time.Second
)

// Open prepares the folder for serving. The error names the folder and what is wrong with it.
func Open(config Config) (*Site, error) {
	root, err := os.OpenRoot(config.Root)
	if err != nil {
		return nil, fmt.Errorf("opening the site's folder: %w", err)
	}
	log := config.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Site{root: root, spa: config.SPA, log: log, packed: newPacker()}, nil
}

// Close gives the folder up.
func (s *Site) Close() error { return s.root.Close() }

// Serve answers requests from ln until ctx ends, then lets those under way finish for up to ten seconds. It closes
// ln, and returns nil when ctx was what ended it.
func (s *Site) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving the site: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		s.log.Warn("downloads were cut off at the end", "after", shutdownTimeout)
		_ = server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
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
	t, ok := parseTarget(r.URL.EscapedPath())
	if !ok {
		s.notFound(w, r)
		return
	}
	f, err := s.find(t)
	if s.spa && missing(err) && t.page() {
		w.Header().Add("Vary", "Accept")
		if acceptsHTML(r.Header) {
			f, err = s.find(target{name: ".", folder: true})
		}
	}
	if err != nil {
		s.refuse(w, r, t, err)
		return
	}
	defer f.Close()
	s.send(w, r, f)
}

// refuse answers a request for which there is no file to send.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, t target, err error) {
	switch {
	case errors.Is(err, errFolder):
		redirect(w, r, t)
	case missing(err):
		s.notFound(w, r)
	case errors.Is(err, os.ErrPermission):
		s.log.Warn("the site's server may not read a file", "file", t.name, "error", err)
		w.Header().Set("Cache-Control", "no-cache")
		http.Error(w, "403: the site's server may not read this file", http.StatusForbidden)
	default:
		s.log.Warn("reading a file failed", "file", t.name, "error", err)
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
