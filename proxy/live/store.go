package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/durable"
	"gateway/proxy/route"
)

// ErrCorrupt says that the last good table cannot be parsed.
var ErrCorrupt = errors.New("it is corrupt")

// Store keeps the last good listings in a folder, and nothing without one.
type Store struct{ Folder string }

// Saved is the content of the file.
type Saved struct {
	Revision uint64      `json:"revision"`
	Since    time.Time   `json:"since"`
	Removed  []Tombstone `json:"gone,omitempty"`
	// Boot identifies the boot of the machine at which targets have their addresses, empty if it has no ID.
	Boot string `json:"boot,omitempty"`
	// Listings are those of which the table of that revision was merged, by the names of their sources; Own are the names of
	// the sources that the proxy ran itself.
	Listings map[string]*route.Table `json:"listings"`
	Own      []string                `json:"own,omitempty"`
	// Table is the only listing in files of earlier versions.
	Table *route.Table `json:"table,omitempty"`
}

// MachineBoot identifies this boot of the machine (random(4), boot_id), empty if it has no ID.
func MachineBoot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// AsOf returns what may be served at that boot of the machine. At another boot than that of v, targets that sources created
// must be confirmed first, since their addresses may belong to other apps now.
func (v Saved) AsOf(boot string) Saved {
	if v.Boot == "" || v.Boot == boot {
		return v
	}
	v.Listings = maps.Clone(v.Listings)
	for name, t := range v.Listings {
		v.Listings[name] = unconfirmed(t)
	}
	return v
}

// unconfirmed is a table without ready targets, except for those without a time of creation, whose addresses people wrote.
func unconfirmed(t *route.Table) *route.Table {
	routes := slices.Clone(t.Routes())
	for i := range routes {
		routes[i].Targets = slices.Clone(routes[i].Targets)
		for j := range routes[i].Targets {
			if t := &routes[i].Targets[j]; t.State == route.Ready && !t.Created.IsZero() {
				t.State, t.Reason = route.Starting, "the machine was started again"
			}
		}
	}
	return route.Build(routes, t.Problems())
}

// TableFile is the name of the last good table in the state folder.
const TableFile = "table.json"

// Aside is where a corrupt file is kept.
func (s Store) Aside(name string) string { return filepath.Join(s.Folder, name+".bad") }

// Read returns what was last written. The error is fs.ErrNotExist when there is nothing, and ErrCorrupt when it cannot be
// parsed: the file is set aside then.
func (s Store) Read() (Saved, error) {
	data, err := s.Load(TableFile)
	if err != nil {
		return Saved{}, err
	}
	var read Saved
	if err = json.Unmarshal(data, &read); err == nil {
		err = read.upgrade()
	}
	if err == nil {
		return read, nil
	}
	return Saved{}, s.SetAside(TableFile, err)
}

// upgrade converts the format of earlier versions.
func (v *Saved) upgrade() error {
	if v.Table != nil {
		v.Listings, v.Table = map[string]*route.Table{admin.DefaultSource: v.Table}, nil
	}
	if v.Listings == nil {
		return errors.New("no table in it")
	}
	for name, t := range v.Listings {
		if t == nil {
			return fmt.Errorf("no table of the source %s in it", name)
		}
	}
	return nil
}

// Load reads one file. The error is fs.ErrNotExist when there is none.
func (s Store) Load(name string) ([]byte, error) {
	if s.Folder == "" {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(filepath.Join(s.Folder, name))
}

// SetAside moves a corrupt file away, and returns the reason as an ErrCorrupt.
func (s Store) SetAside(name string, why error) error {
	err := fmt.Errorf("%w: %w", ErrCorrupt, why)
	if moved := os.Rename(filepath.Join(s.Folder, name), s.Aside(name)); moved != nil {
		err = errors.Join(err, moved)
	}
	return err
}

// Write replaces the last good table.
func (s Store) Write(v Saved) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing the table as JSON: %w", err)
	}
	return s.Replace(TableFile, data)
}

// Replace replaces a file atomically: after a crash it is the old or the new one.
func (s Store) Replace(name string, data []byte) error {
	if err := os.MkdirAll(s.Folder, folderMode); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	return durable.Write(filepath.Join(s.Folder, name), data, fileMode)
}

const (
	// folderMode is the mode of the folder, fileMode that of its files, which others may not read.
	folderMode os.FileMode = 0o750
	fileMode   os.FileMode = 0o600
)
