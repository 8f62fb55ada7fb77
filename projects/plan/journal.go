package plan

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// journal is the record of a change under way, one JSON value a line: the header, what undoes each step that began, and
// at last that the change is final. Each line is synced before what it is about happens; a line that a crash cut off is
// about nothing that happened. Files that it restores may be secret, so that only the owner may read it.
type journal struct {
	file   *os.File
	header header
	began  []Action
	resume []Action
	done   bool
	// undoing says that undoing has begun; undone is how many of the actions that undo were carried out.
	undoing bool
	undone  int
}

type header struct {
	Verb    string   `json:"verb"`
	Cleanup []Action `json:"cleanup,omitempty"`
}

// entry is a line after the header.
type entry struct {
	Undo   []Action `json:"undo,omitempty"`
	Resume []Action `json:"resume,omitempty"`
	Final  bool     `json:"final,omitempty"`
	// Undone counts the actions that were carried out to undo the change: what is at a path may be another thing after the
	// next of them.
	Undone int `json:"undone,omitempty"`
	// Undoing says that the change is being undone.
	Undoing bool `json:"undoing,omitempty"`
}

// begin makes the journal of a plan. There is none yet: whoever holds the lock has recovered.
func begin(path string, p Plan) (*journal, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("writing the journal: %w", err)
	}
	j := &journal{file: file, header: header{p.Verb, p.Cleanup}}
	if err := j.write(j.header); err != nil {
		return nil, errors.Join(err, j.remove())
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, j.remove())
	}
	return j, nil
}

// open reads the journal of an unfinished change, nil when there is none.
func open(path string) (*journal, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	j := &journal{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for first := true; lines.Scan(); first = false {
		var e entry
		if first {
			err = json.Unmarshal(lines.Bytes(), &j.header)
		} else {
			err = json.Unmarshal(lines.Bytes(), &e)
		}
		if err != nil {
			break // Cut off: nothing of it happened.
		}
		j.note(e)
		j.done = j.done || e.Final
		j.undone, j.undoing = max(j.undone, e.Undone), j.undoing || e.Undoing
	}
	if j.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	return j, nil
}

// backwards keeps the actions of one step in their order when all are reversed.
func backwards(actions []Action) []Action {
	actions = slices.Clone(actions)
	slices.Reverse(actions)
	return actions
}

// note keeps what undoes a step that begins.
func (j *journal) note(e entry) {
	j.began = append(j.began, backwards(e.Undo)...)
	j.resume = append(j.resume, e.Resume...)
}

// started notes that a step begins.
func (j *journal) started(step Step) error {
	e := entry{Undo: step.Undo, Resume: step.Resume}
	if len(e.Undo)+len(e.Resume) == 0 {
		return nil
	}
	j.note(e)
	return j.write(e)
}

// final notes that the change will not be undone any more.
func (j *journal) final() error { return j.write(entry{Final: true}) }

// undo are the actions that undo the change, the last step's first, and then those that resume what was before.
func (j *journal) undo() []Action { return append(backwards(j.began), j.resume...) }

// undoes notes that undoing begins.
func (j *journal) undoes() error { return j.write(entry{Undoing: true}) }

// took notes how many of the actions that undo were carried out.
func (j *journal) took(n int) error { return j.write(entry{Undone: n}) }

func (j *journal) write(line any) error {
	text, err := json.Marshal(line)
	if err == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

func (j *journal) close() error { return j.file.Close() }

// remove ends the journal: nothing remains to be done.
func (j *journal) remove() error {
	path := j.file.Name()
	return errors.Join(j.file.Close(), os.Remove(path), syncFolder(filepath.Dir(path)))
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
