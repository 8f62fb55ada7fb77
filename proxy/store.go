package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/proxy/durable"
	"gateway/proxy/route"
)

// errCorrupt says that the last good table is there and makes no sense.
var errCorrupt = errors.New("it is corrupt")

// store keeps the last good table in a folder. With an empty name it keeps nothing.
type store struct{ folder string }

// saved is what the file holds.
type saved struct {
	Revision uint64    `json:"revision"`
	Since    time.Time `json:"since"`
	Gone     []gone    `json:"gone,omitempty"`
	// Boot names the run of the machine that the addresses in the table are of; empty where there is no such name.
	Boot  string       `json:"boot,omitempty"`
	Table *route.Table `json:"table"`
}

// machineBoot names this run of the machine (random(4), boot_id); empty where it has no name.
func machineBoot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// asOf returns the table as it may be served on a run of the machine: on another one than it was kept on, its targets
// have to be confirmed first, since their addresses may be other apps' now.
func (v saved) asOf(boot string) *route.Table {
	if v.Boot == "" || v.Boot == boot {
		return v.Table
	}
	routes := slices.Clone(v.Table.Routes())
	for i := range routes {
		routes[i].Targets = slices.Clone(routes[i].Targets)
		for j := range routes[i].Targets {
			if t := &routes[i].Targets[j]; t.State == route.Ready {
				t.State, t.Reason = route.Starting, "the machine was started again"
			}
		}
	}
	return route.Build(routes, v.Table.Problems())
}

// tableFile is the name of the last good table in the state folder.
const tableFile = "table.json"

// aside is where a corrupt file is kept for whoever wants to know.
func (s store) aside(name string) string { return filepath.Join(s.folder, name+".bad") }

// read returns what was last written. The error is fs.ErrNotExist when there is nothing, and errCorrupt when it made no
// sense: the file is set aside then.
func (s store) read() (saved, error) {
	data, err := s.load(tableFile)
	if err != nil {
		return saved{}, err
	}
	var read saved
	if err = json.Unmarshal(data, &read); err == nil && read.Table == nil {
		err = errors.New("no table in it")
	}
	if err == nil {
		return read, nil
	}
	return saved{}, s.setAside(tableFile, err)
}

// load reads one file. The error is fs.ErrNotExist when there is none.
func (s store) load(name string) ([]byte, error) {
	if s.folder == "" {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(filepath.Join(s.folder, name))
}

// setAside moves a file away that made no sense, and returns why as an errCorrupt.
func (s store) setAside(name string, why error) error {
	err := fmt.Errorf("%w: %w", errCorrupt, why)
	if moved := os.Rename(filepath.Join(s.folder, name), s.aside(name)); moved != nil {
		err = errors.Join(err, moved)
	}
	return err
}

// write replaces the last good table.
func (s store) write(v saved) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing the table as JSON: %w", err)
	}
	return s.replace(tableFile, data)
}

// replace replaces a file so that a crash at any moment leaves the old or the new one whole.
func (s store) replace(name string, data []byte) error {
	if err := os.MkdirAll(s.folder, stateMode); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	return durable.Write(filepath.Join(s.folder, name), data, 0o600)
}
