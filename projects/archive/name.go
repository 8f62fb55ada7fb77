package archive

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// timeForm is how names of archives say the time, in UTC.
const timeForm = "2006-01-02T150405Z"

// extension is that of an archive.
const extension = ".tar.zst"

var nameForm = regexp.MustCompile(`^([a-z][a-z0-9-]{0,39})-(\d{4}-\d{2}-\d{2}T\d{6}Z)\.tar\.zst(\.age)?$`)

// Entry is an archive in a folder of archives, as its name says.
type Entry struct {
	Path    string    `json:"path"`
	Project string    `json:"project"`
	Created time.Time `json:"created"`
	Bytes   int64     `json:"bytes"`
	// Encrypted says that it is readable with an identity alone.
	Encrypted bool `json:"encrypted"`
}

// Name is the file name of an archive of a project, made at a time.
func Name(project string, made time.Time, encrypted bool) string {
	name := project + "-" + made.UTC().Format(timeForm) + extension
	if encrypted {
		name += ".age"
	}
	return name
}

// ParseName reads a file name; ok is false for one that Name does not make.
func ParseName(name string) (e Entry, ok bool) {
	parts := nameForm.FindStringSubmatch(name)
	if parts == nil {
		return e, false
	}
	made, err := time.Parse(timeForm, parts[2])
	if err != nil {
		return e, false
	}
	return Entry{Project: parts[1], Created: made, Encrypted: parts[3] != ""}, true
}

// List lists the archives in a folder by project, the newest first. Files of other names are none. No folder has none.
func List(dir string) ([]Entry, error) {
	found, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing archives: %w", err)
	}
	var all []Entry
	for _, f := range found {
		e, ok := ParseName(f.Name())
		if !ok || !f.Type().IsRegular() {
			continue
		}
		info, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // It went meanwhile.
		}
		if err != nil {
			return nil, fmt.Errorf("listing archives: %w", err)
		}
		e.Path, e.Bytes = filepath.Join(dir, f.Name()), info.Size()
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), b.Created.Compare(a.Created), cmp.Compare(a.Path, b.Path))
	})
	return all, nil
}

// Free is the path of a new archive of a project in a folder: at that time, or the first second after it that no archive
// has.
func Free(dir, project string, made time.Time, encrypted bool) string {
	for {
		path := filepath.Join(dir, Name(project, made, encrypted))
		if _, err := os.Lstat(path); err != nil {
			return path
		}
		made = made.Add(time.Second)
	}
}
