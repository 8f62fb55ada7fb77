package projects

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gateway/projects/policy"
)

// A project's folder may be a link, so that people can keep one on another disk: then its files are where it leads.

// leads is where a project's folder leads when it is a link, links resolved as far as there is anything; else empty.
func (s Store) leads(name Name) string {
	to, err := os.Readlink(s.Dir(name))
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(s.Dir(name)); err == nil {
		return real
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(s.root, to)
	}
	return resolved(to)
}

// beside is the folder that the project's folder really is in, on the same disk, where its stages go.
func (s Store) beside(name Name) string {
	if target := s.leads(name); target != "" {
		return filepath.Dir(target)
	}
	return s.root
}

// apart refuses to delete what a link leads to when the projects folder is in it, or it in the projects folder.
func (s Store) apart(name Name) error {
	target, root := s.leads(name), resolved(s.root)
	if target == "" || !policy.Within(target, root) && !policy.Within(root, target) {
		return nil
	}
	return fmt.Errorf("project %s: its folder is a link to %s, which holds other projects too, or is one; remove the link: rm %s", name, target, s.Dir(name))
}

// isGone reports whether nothing is at a path; one that this user may not look at is no such.
func isGone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func isThere(target string) bool {
	_, err := os.Lstat(target)
	return target != "" && err == nil
}
