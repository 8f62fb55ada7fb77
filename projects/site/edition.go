package site

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The link in Config.Versions that leads to the current version, and the folder of files in a version.
const (
	currentLink = "current"
	filesFolder = "site"
)

// How long what an earlier edition had is still served to pages of it that are open, and of how many editions.
const (
	lingerTime  = time.Hour
	lingerCount = 4
)

// edition is one folder of files that was served since the start. Its fields do not change, but for users and until,
// which the site's mutex guards.
type edition struct {
	site  *Site
	root  *os.Root
	info  fs.FileInfo
	facts factCache

	users int
	// until is when it is forgotten, zero for the current one.
	until time.Time
}

// openEdition opens the folder with this path.
func (s *Site) openEdition(dir string) (*edition, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the site's folder: %w", err)
	}
	info, err := root.Stat(".")
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("opening the site's folder: %w", err)
	}
	return &edition{site: s, root: root, info: info}, nil
}

// enter returns the current edition, which the caller leaves again. A request has one edition for all that it needs.
// The folders are told apart by what they are, not by what they are called: a name may come again. While the link
// leads nowhere the edition stays.
func (s *Site) enter() *edition {
	var info fs.FileInfo
	if s.link != "" {
		info, _ = os.Stat(s.link)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if info != nil && !os.SameFile(info, s.current.info) {
		s.follow()
	}
	s.current.users++
	return s.current
}

// follow makes current what the link leads to. The caller holds the mutex.
func (s *Site) follow() {
	next, err := s.openEdition(s.link)
	if err != nil {
		s.log.Warn("the current version cannot be opened; the one before is served", "error", err)
		return
	}
	s.current.until = time.Now().Add(lingerTime)
	s.earlier = slices.Insert(s.earlier, 0, s.current)
	s.current = next
	s.forget()
}

// forget closes the earlier editions whose time is over and that nobody uses. The caller holds the mutex.
func (s *Site) forget() {
	var kept []*edition
	for i, e := range s.earlier {
		if e.users > 0 || i < lingerCount && time.Now().Before(e.until) {
			kept = append(kept, e)
		} else {
			e.root.Close()
		}
	}
	s.earlier = kept
}

// leave ends what enter and before began.
func (e *edition) leave() {
	e.site.mu.Lock()
	defer e.site.mu.Unlock()
	e.users--
}

// before lists the editions that were current until a while ago, the latest first. The caller leaves each.
func (s *Site) before() []*edition {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	all := slices.Clone(s.earlier)
	for _, e := range all {
		e.users++
	}
	return all
}

// lingering opens a file that the current edition lacks and an earlier one had. A page that was loaded just before a
// new version came asks for its scripts, styles and fonts after it: they are found by names that no other content has.
func (s *Site) lingering(t target) (*edition, *file) {
	if t.folder || !lingers(path.Base(t.name)) {
		return nil, nil
	}
	var owner *edition
	var found *file
	for _, e := range s.before() {
		if found == nil {
			if f, err := e.open(t.name); err == nil {
				owner, found = e, f
				continue
			}
		}
		e.leave()
	}
	return owner, found
}

// pageParts are the types of files that pages are made of, and that hold nothing that somebody might take off a site
// to have it gone.
var pageParts = []string{".js", ".mjs", ".css", ".wasm", ".woff", ".woff2"}

// lingers reports whether a file is served on for a while after a new version came without it: one that caches may
// keep for a year anyway, or a part of a page whose name ends in what looks like a bundler's hash. A wrong guess does
// little harm here, so that base 64 counts too: eight characters after a dash or a dot, not all lower-case letters
// and not all figures.
func lingers(base string) bool {
	extension := strings.ToLower(path.Ext(base))
	if extension == ".html" || extension == ".htm" || extension == ".xhtml" {
		return false
	}
	if hashed(base) {
		return true
	}
	base = strings.TrimSuffix(base, path.Ext(base))
	if !slices.Contains(pageParts, extension) || len(base) < 10 || !strings.ContainsRune("-.", rune(base[len(base)-9])) {
		return false
	}
	var letters, others int
	for _, r := range base[len(base)-8:] {
		switch {
		case r >= 'a' && r <= 'z':
			letters++
		case r >= 'A' && r <= 'Z':
			letters, others = letters+1, others+1
		case r >= '0' && r <= '9':
			others++
		case r != '-' && r != '_':
			return false
		}
	}
	return letters > 0 && others > 0
}

// serve answers one request with what this edition has.
func (e *edition) serve(w http.ResponseWriter, r *http.Request) {
	t, ok := parseTarget(r.URL.EscapedPath())
	if !ok {
		e.notFound(w, r)
		return
	}
	f, err := e.find(t)
	for _, other := range t.otherForms() {
		if !missing(err) {
			break
		}
		f, err = e.find(other)
	}
	if missing(err) {
		if owner, late := e.site.lingering(t); late != nil {
			defer owner.leave()
			defer late.Close()
			owner.send(w, r, late)
			return
		}
	}
	if e.site.spa && missing(err) && t.page() {
		w.Header().Add("Vary", "Accept")
		if acceptsHTML(r.Header) {
			f, err = e.find(target{name: ".", folder: true})
		}
	}
	if err != nil {
		e.refuse(w, r, t, err)
		return
	}
	defer f.Close()
	e.send(w, r, f)
}

// linkOf is what is followed in a folder of versions.
func linkOf(versions string) string {
	if versions == "" {
		return ""
	}
	return filepath.Join(versions, currentLink, filesFolder)
}
