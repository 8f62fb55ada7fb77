package certificate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gateway/proxy/durable"
)

// pushedFile is the file in FilesConfig.Pushed.
const pushedFile = "pushed.json"

// Set replaces the pairs that Set was given before. One that cannot be used leaves the one before of the same path, and
// is named by the error; the others count. One with a path alone leaves it too, and is no error. They are on disk when it
// returns, or a warning was logged.
func (f *Files) Set(pairs []PEMPair) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var faults []error
	next := make([]loadedPair, 0, len(pairs))
	for _, p := range pairs {
		i := slices.IndexFunc(f.pushed, func(h loadedPair) bool { return h.Path == p.Path })
		unread := len(p.Certificate)+len(p.Key) == 0
		if i >= 0 && (unread || f.pushed[i].equal(p)) {
			next = append(next, f.pushed[i])
		}
		if unread || i >= 0 && f.pushed[i].equal(p) {
			continue
		}
		h, err := use(p)
		if err == nil {
			f.log.Info("a new certificate is in use", "certificate", p.Path)
			next = append(next, h)
			continue
		}
		faults = append(faults, fmt.Errorf("the certificate %s cannot be used: %w", p.Path, err))
		if i >= 0 {
			next = append(next, f.pushed[i])
		}
	}
	same := slices.EqualFunc(f.pushed, next, func(a, b loadedPair) bool { return a.equal(b.PEMPair) })
	f.pushed = next
	if !same {
		f.publish()
		f.keep()
	}
	return errors.Join(faults...)
}

// stored is the form of pushedFile.
type stored struct {
	Pairs []PEMPair `json:"pairs"`
}

// keep writes the pushed pairs. The caller holds mu.
func (f *Files) keep() {
	if f.folder == "" {
		return
	}
	s := stored{Pairs: make([]PEMPair, len(f.pushed))}
	for i, h := range f.pushed {
		s.Pairs[i] = h.PEMPair
	}
	text, err := json.Marshal(s)
	if err == nil {
		err = os.MkdirAll(f.folder, 0o700)
	}
	if err == nil {
		err = durable.Write(filepath.Join(f.folder, pushedFile), text, 0o600)
	}
	if err != nil {
		f.log.Warn("cannot store the certificates of the agent; a restart has to wait for it", "error", err)
	}
}

// restore reads what keep wrote. A file that cannot be read is set aside: the agent pushes the pairs again.
func (f *Files) restore() []loadedPair {
	if f.folder == "" {
		return nil
	}
	path := filepath.Join(f.folder, pushedFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var s stored
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	var pairs []loadedPair
	for _, p := range s.Pairs {
		h, wrong := use(p)
		if wrong != nil {
			err = fmt.Errorf("the certificate %s: %w", p.Path, wrong)
			continue
		}
		pairs = append(pairs, h)
	}
	if err != nil {
		f.log.Warn("stored certificates cannot be read and were set aside; the agent sends them again", "file", path+".bad", "error", err)
		_ = os.Rename(path, path+".bad")
	}
	return pairs
}
