package projects

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// recovery ends what a crash left half done of a project's versions.
type recovery struct{ history }

// run does it: afterwards every version has its files and was in force once, one of them is, and the project's site
// leads to it. It deletes nothing that was ever in force.
func (h recovery) run() error {
	entries, err := os.ReadDir(h.root())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if h.leftover(entry.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(h.root(), entry.Name())))
		}
	}
	return errors.Join(err, h.versions(), h.links())
}

// leftover reports whether a name is one that changes have for a while.
func (h recovery) leftover(name string) bool {
	for _, purpose := range []string{"new", "old", "link"} {
		if rest, ours := strings.CutPrefix(name, filepath.Base(h.hidden(purpose))); ours && strings.Trim(rest, "0123456789") == "" {
			return true
		}
	}
	return false
}

// versions removes the versions that never came into force, and marks the one that just did.
func (h recovery) versions() error {
	numbers, err := h.numbers()
	if err != nil {
		return err
	}
	for _, n := range numbers {
		v := h.read(n)
		switch {
		case !h.whole(n) && h.hollow(n):
			err = errors.Join(err, h.discard(n))
		case h.whole(n) && v.Since.IsZero() && n == h.pointed():
			err = errors.Join(err, h.mark(v))
		case h.whole(n) && v.Since.IsZero():
			err = errors.Join(err, h.discard(n))
		}
	}
	return err
}

// hollow reports whether a version has no files, and nothing in their place but a link of ours.
func (h recovery) hollow(n int) bool {
	to, err := os.Readlink(h.siteOf(n))
	return errors.Is(err, fs.ErrNotExist) || err == nil && filepath.ToSlash(to) == siteLink
}

// links has the link current lead to a version when it leads nowhere, and the site's link to that.
func (h recovery) links() error {
	if h.current() == 0 {
		if err := h.link(); err != nil {
			return err
		}
	}
	if h.current() == 0 {
		return nil
	}
	if _, err := os.Lstat(h.site()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(siteLink, h.site())
}

// link puts the version in force that was so last.
func (h recovery) link() error {
	all, err := h.list()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		if h.pointed() == 0 {
			return nil
		}
		return h.point(0)
	}
	latest := all[0]
	for _, v := range all {
		if v.Since.After(latest.Since) {
			latest = v
		}
	}
	return h.point(latest.Number)
}

// recoverSite ends the changes of a project's site that a crash interrupted. The caller holds the project's lock.
func (s Store) recoverSite(name Name) error {
	err := s.recoverSwap(name)
	if err == nil {
		err = s.recoverSource(name)
	}
	if err == nil {
		err = recovery{history{dir: s.Dir(name)}}.run()
	}
	if err != nil {
		return fmt.Errorf("mending what a crash left of project %s: %w", name, err)
	}
	return nil
}
