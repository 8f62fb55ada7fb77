// Package release keeps numbered copies of what is deployed in a project's folder: of the site that it serves, or of the
// source that it is made of. It knows the folder versions and the link in the project's folder that leads into it, and
// neither what the files are for nor what runs. The policy: a release is made in a hidden folder, is there whole or not at
// all, and becomes current by one link; what containers write to moves on to the release that is current and is never
// copied or deleted. It decides, and the steps of projects/plan that it returns do.
package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/proxy/printable"
)

// Folder holds the releases of a project: 7/site has the files of release 7, 7/version.json what is known of it, and the
// link current leads to the current one. Names that start with a dot are scratch.
const Folder = "versions"

const (
	currentLink = "current"
	infoFile    = "version.json"
)

// DefaultKeep is how many releases are kept.
const DefaultKeep = 5

// ErrNone says that there is no release to go to.
var ErrNone = errors.New("no such version")

// Release is one copy of what is deployed.
type Release struct {
	Number int `json:"number"`
	// Made is when the files were copied, or last edited when they were made in the project's folder.
	Made time.Time `json:"made"`
	// Since is when it last became current.
	Since time.Time `json:"since,omitzero"`
	// From is the folder that was copied, empty when the files were in the project's folder already; By is who did.
	From string `json:"from,omitempty"`
	By   string `json:"by,omitempty"`
	// Files and Bytes count what was deployed, without later edits.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Replaced is the release that was current before this one became current, 0 for none.
	Replaced int  `json:"replaced,omitempty"`
	Current  bool `json:"-"`
}

// History is the releases of one project. Whoever changes them holds the project's lock.
type History struct {
	// Dir is the project's folder, Content what is released in it: "site" or "source". Once there is a release, Content is a
	// link to the files of the current one.
	Dir, Content string
}

// Path is what is released, in the project's folder.
func (h History) Path() string { return filepath.Join(h.Dir, h.Content) }

// Link is what Path says as a link, relative as all of these, so that a project can be moved.
func (h History) Link() string { return Folder + "/" + currentLink + "/" + h.Content }

// FilesOf is the folder with the files of a release.
func (h History) FilesOf(n int) string { return filepath.Join(h.FolderOf(n), h.Content) }

// FolderOf is the folder of a release, with its files and what is known of it.
func (h History) FolderOf(n int) string { return filepath.Join(h.root(), strconv.Itoa(n)) }

func (h History) root() string    { return filepath.Join(h.Dir, Folder) }
func (h History) current() string { return filepath.Join(h.root(), currentLink) }

// List reads all releases that have files, the newest first. Before the first deployment of files there are none.
func (h History) List() ([]Release, error) {
	numbers, err := h.numbers()
	if err != nil {
		return nil, err
	}
	current := h.Current()
	var all []Release
	for _, n := range numbers {
		if isFolder(h.FilesOf(n)) {
			r := h.read(n)
			r.Current = n == current
			all = append(all, r)
		}
	}
	return all, nil
}

// numbers are those that have a folder, whole or not, the highest first.
func (h History) numbers() ([]int, error) {
	entries, err := os.ReadDir(h.root())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the versions: %w", err)
	}
	var all []int
	for _, entry := range entries {
		if n := number(entry.Name()); n > 0 && entry.IsDir() {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all, nil
}

// number reads a number as it is written, 0 for all else.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || strconv.Itoa(n) != s {
		return 0
	}
	return n
}

// isFolder reports whether a folder is at a path, and no link to one.
func isFolder(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// Current is the number of the current release, 0 when there is none.
func (h History) Current() int {
	n := h.pointed()
	if n == 0 || !isFolder(h.FilesOf(n)) {
		return 0
	}
	return n
}

// pointed is what the link says, whether or not there is such a release.
func (h History) pointed() int {
	to, err := os.Readlink(h.current())
	if err != nil {
		return 0
	}
	return number(filepath.Clean(to))
}

// read tells what is known of a release. One whose file is damaged is known by its folder alone: it is whole all the same.
func (h History) read(n int) Release {
	r := Release{Number: n}
	text, err := os.ReadFile(filepath.Join(h.FolderOf(n), infoFile))
	if err == nil && json.Unmarshal(text, &r) == nil {
		r.Number, r.From, r.By = n, printable.Line(r.From), printable.Line(r.By)
		return r
	}
	r = Release{Number: n}
	if info, err := os.Stat(h.FilesOf(n)); err == nil {
		r.Made, r.Since = info.ModTime(), info.ModTime()
	}
	return r
}

// info is what the file of a release says.
func (r Release) info() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return append(text, '\n'), err
}

// Find returns the current release, and the one with a number, or for 0 the one that was current before it. The error wraps
// ErrNone and says which there are.
func (h History) Find(wanted int) (from, to Release, err error) {
	all, err := h.List()
	if err != nil {
		return from, to, err
	}
	at := slices.IndexFunc(all, func(r Release) bool { return r.Current })
	if at < 0 {
		return from, to, fmt.Errorf("%w: none is current", ErrNone)
	}
	from = all[at]
	n := wanted
	if n == 0 {
		n = from.Replaced
	}
	if to := slices.IndexFunc(all, func(r Release) bool { return r.Number == n }); to >= 0 {
		return from, all[to], nil
	}
	switch {
	case len(all) == 1:
		err = fmt.Errorf("%w: version %d, the current one, is the only one", ErrNone, from.Number)
	case wanted == 0:
		err = fmt.Errorf("%w: the one before version %d is not kept; the kept ones are: %s", ErrNone, from.Number, listed(all))
	default:
		err = fmt.Errorf("%w: %d; there are: %s", ErrNone, wanted, listed(all))
	}
	return from, to, err
}

// listed names releases for people.
func listed(all []Release) string {
	var parts []string
	for _, r := range all {
		part := strconv.Itoa(r.Number)
		if r.Current {
			part += " (current)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// Repair removes scratch that no change needs any more, and makes the last release current again when people deleted the
// current one, or the link to it. The caller holds the lock and has ended the change that a journal tells of.
func (h History) Repair() error {
	entries, err := os.ReadDir(h.root())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("repairing the versions: %w", err)
	}
	for _, entry := range entries {
		if scratch(entry.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(h.root(), entry.Name())))
		}
		if n := number(entry.Name()); n > 0 && hollow(h.FolderOf(n)) {
			err = errors.Join(err, os.RemoveAll(h.FolderOf(n)))
		}
	}
	// It only removes an empty folder.
	_ = os.Remove(h.root())
	if err = errors.Join(err, h.relink()); err != nil {
		return fmt.Errorf("repairing the versions: %w", err)
	}
	return nil
}

// hollow reports whether a release has nothing but what is known of it: its files did not come.
func hollow(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 1 && entries[0].Name() == infoFile
}

// relink makes the links lead to the release that was current last, when they lead nowhere.
func (h History) relink() error {
	all, err := h.List()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		if h.pointed() > 0 && isFolder(h.Path()) {
			return os.Remove(h.current())
		}
		return nil
	}
	if h.Current() == 0 {
		last := slices.MaxFunc(all, func(a, b Release) int { return a.Since.Compare(b.Since) })
		if err := os.Remove(h.current()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink(strconv.Itoa(last.Number), h.current()); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(h.Path()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(h.Link(), h.Path())
}

// The names of scratch: what is not a release yet, what is none any more, and links on their way.
const (
	stagePrefix = ".new-"
	oldPrefix   = ".old-"
	nextLink    = "." + currentLink + ".new"
)

func scratch(name string) bool {
	for _, prefix := range []string{stagePrefix, oldPrefix, ".link-"} {
		if rest, ours := strings.CutPrefix(name, prefix); ours && strings.Trim(rest, "0123456789") == "" {
			return true
		}
	}
	return name == nextLink
}
