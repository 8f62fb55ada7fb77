package projects

import (
	"context"
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

// VersionsFolder holds the versions of a project's site, once files were deployed: 7/site has the files of version 7,
// 7/version.json what is known of it, and the link current leads to the one in force. SiteFolder is then a link to its
// files. What a deployment or a crash left half done has a name that starts with a dot.
const VersionsFolder = "versions"

const (
	currentLink = "current"
	versionFile = "version.json"
	// siteLink is what SiteFolder says as a link, relative as all of these, so that a project can be moved.
	siteLink = VersionsFolder + "/" + currentLink + "/" + SiteFolder
)

// DefaultKeep is how many versions are kept.
const DefaultKeep = 5

// ErrNoVersion says that there is no version to go to.
var ErrNoVersion = errors.New("no such version")

// Version is one state of a project's site.
type Version struct {
	Number int `json:"number"`
	// Made is when the files were copied, or last edited where they were made in the project's folder.
	Made time.Time `json:"made"`
	// Since is when it was last put in force; zero says that it never was.
	Since time.Time `json:"since,omitzero"`
	// From is the folder that was copied, empty when the files were in the project's folder already; By is who did.
	From string `json:"from,omitempty"`
	By   string `json:"by,omitempty"`
	// Files and Bytes count what was deployed, without later edits.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Replaced is the version that was in force before this one was put in force, 0 for none.
	Replaced int `json:"replaced,omitempty"`
	// Current reports whether it is in force.
	Current bool `json:"-"`
}

// Versions lists the versions of a project's site, the newest first. Before the first deployment of files there are
// none.
func (s Store) Versions(name Name) ([]Version, error) {
	return history{dir: s.Dir(name)}.list()
}

// HasVersions returns an error when a project is of a kind that cannot have versions, with what to do instead: one of
// files to serve has them from its first deployment of files on.
func HasVersions(p Project) error {
	if p.HasSite() {
		return nil
	}
	if _, err := os.Stat(filepath.Join(p.Dir, VersionsFolder)); err == nil {
		return nil
	}
	kind := "a project that serves no files"
	if p.Template != "" {
		kind = "template " + p.Template
	}
	return fmt.Errorf("project %s: %w: %s has none, since its content is in volumes; bring the former %s back in %s and run: gateway deploy %s, or restore the app from a backup of its own",
		p.Name, ErrNoVersion, kind, ComposeFile, p.Dir, p.Name)
}

// history is the versions of one project. Whoever changes it holds the project's lock.
type history struct {
	// dir is the project's folder.
	dir string
	// step is called between the steps of a change, and fails it when it fails; nil in all but tests.
	step func(string) error
}

// stepKey is what a context says under to be told of steps.
type stepKey struct{}

func historyOf(ctx context.Context, p Project) history {
	step, _ := ctx.Value(stepKey{}).(func(string) error)
	return history{dir: p.Dir, step: step}
}

func (h history) at(step string) error {
	if h.step == nil {
		return nil
	}
	return h.step(step)
}

func (h history) root() string           { return filepath.Join(h.dir, VersionsFolder) }
func (h history) folder(n int) string    { return filepath.Join(h.root(), strconv.Itoa(n)) }
func (h history) siteOf(n int) string    { return filepath.Join(h.folder(n), SiteFolder) }
func (h history) site() string           { return filepath.Join(h.dir, SiteFolder) }
func (h history) hidden(p string) string { return filepath.Join(h.root(), "."+p+"-") }

// list reads all versions that have files, the newest first.
func (h history) list() ([]Version, error) {
	numbers, err := h.numbers()
	if err != nil {
		return nil, err
	}
	current := h.current()
	var all []Version
	for _, n := range numbers {
		if !h.whole(n) {
			continue
		}
		v := h.read(n)
		v.Current = n == current
		all = append(all, v)
	}
	return all, nil
}

// numbers are those that have a folder, whole or not, the highest first.
func (h history) numbers() ([]int, error) {
	entries, err := os.ReadDir(h.root())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the versions: %w", err)
	}
	var all []int
	for _, entry := range entries {
		if n := versionNumber(entry.Name()); n > 0 && entry.IsDir() {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all, nil
}

// versionNumber reads a number as it is written, 0 for all else.
func versionNumber(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || strconv.Itoa(n) != s {
		return 0
	}
	return n
}

// whole reports whether a version has a folder of files.
func (h history) whole(n int) bool { return isRealFolder(h.siteOf(n)) }

func isRealFolder(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// current is the version in force, 0 when there is none.
func (h history) current() int {
	n := h.pointed()
	if n == 0 || !h.whole(n) {
		return 0
	}
	return n
}

// pointed is what the link says, whether or not there is such a version.
func (h history) pointed() int {
	to, err := os.Readlink(filepath.Join(h.root(), currentLink))
	if err != nil {
		return 0
	}
	return versionNumber(filepath.Clean(to))
}

// read tells what is known of a version. One whose file is damaged is known by its folder alone: it is whole all the
// same.
func (h history) read(n int) Version {
	v := Version{Number: n}
	text, err := os.ReadFile(filepath.Join(h.folder(n), versionFile))
	if err == nil && json.Unmarshal(text, &v) == nil {
		v.Number, v.From, v.By = n, printable.Line(v.From), printable.Line(v.By)
		return v
	}
	v = Version{Number: n}
	if info, err := os.Stat(h.siteOf(n)); err == nil {
		v.Made, v.Since = info.ModTime(), info.ModTime()
	}
	return v
}

// write puts what is known of a version into its folder, whole or not at all.
func (v Version) write(folder string) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	// One that a crash left is written over: the lock is held.
	fresh := filepath.Join(folder, "."+versionFile)
	out, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = out.Write(append(text, '\n'))
	if err = errors.Join(err, os.Chmod(fresh, 0o644), out.Sync(), out.Close()); err == nil {
		err = os.Rename(fresh, filepath.Join(folder, versionFile))
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return nil
}

// point puts a version in force, or none: from one moment to the next, for who serves the files too.
func (h history) point(n int) error {
	link := filepath.Join(h.root(), currentLink)
	if n == 0 {
		if err := os.Remove(link); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	// The name is free: the lock is held, and recover removes what a crash left.
	fresh := h.hidden("link") + strconv.Itoa(n)
	if err := os.Symlink(strconv.Itoa(n), fresh); err != nil {
		return err
	}
	err := h.at("point: linked")
	if err == nil {
		err = os.Rename(fresh, link)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return nil
}

// find returns a version by its number, or for 0 the one that was in force before the current one.
func (h history) find(name Name, number int) (from, to Version, err error) {
	all, err := h.list()
	if err != nil {
		return from, to, err
	}
	at := slices.IndexFunc(all, func(v Version) bool { return v.Current })
	if at < 0 {
		return from, to, fmt.Errorf("project %s: %w: no version is current; the first 'gateway deploy %s --dir DIR' makes some", name, ErrNoVersion, name)
	}
	from = all[at]
	want := number
	if want == 0 {
		want = from.Replaced
	}
	if to := slices.IndexFunc(all, func(v Version) bool { return v.Number == want }); to >= 0 {
		return from, all[to], nil
	}
	switch {
	case len(all) == 1:
		err = fmt.Errorf("project %s: %w: version %d, the current one, is the only one", name, ErrNoVersion, from.Number)
	case number == 0:
		err = fmt.Errorf("project %s: %w: the one before version %d is not kept; name one of those there are: %s", name, ErrNoVersion, from.Number, numbersOf(all))
	default:
		err = fmt.Errorf("project %s: %w: %d; there are: %s", name, ErrNoVersion, number, numbersOf(all))
	}
	return from, to, err
}

// numbersOf lists versions for people.
func numbersOf(all []Version) string {
	var parts []string
	for _, v := range all {
		part := strconv.Itoa(v.Number)
		if v.Current {
			part += " (current)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}
