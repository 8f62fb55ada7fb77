package plan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gateway/projects/tree"
)

// Kind is what an action does. Kinds other than these are the caller's, carried out by Runner.Act.
type Kind string

// The actions on files. Paths are absolute.
const (
	// Remove deletes Path with all that is in it.
	Remove Kind = "remove"
	// Rename moves From to Path, unless something is at Path already or nothing is at From.
	Rename Kind = "rename"
	// Write makes Text the content of the file Path; a file that exists keeps its mode and owner, a new one gets Mode.
	Write Kind = "write"
	// Link makes Path a symbolic link to From, in one step where Path is one already. An empty From removes the link.
	Link Kind = "link"
	// Move is Rename that also takes the place of an empty folder, and fails when something else is at Path: what is moved
	// is never left behind.
	Move Kind = "move"
	// Exchange makes From and Path change places, where the system can do that in one step; both have the same content, so
	// that it does not matter when it is done once more.
	Exchange Kind = "exchange"
)

// Action is one operation as data, so that a journal can keep it. Carrying it out twice is the same as once.
type Action struct {
	Kind Kind        `json:"kind"`
	Path string      `json:"path,omitempty"`
	From string      `json:"from,omitempty"`
	Text []byte      `json:"text,omitempty"`
	Mode fs.FileMode `json:"mode,omitempty"`
	// Names are for the caller's kinds.
	Names []string `json:"names,omitempty"`
}

// String says what the action does.
func (a Action) String() string {
	switch a.Kind {
	case Rename, Move:
		return fmt.Sprintf("renaming %s to %s", a.From, a.Path)
	case Exchange:
		return fmt.Sprintf("exchanging %s and %s", a.From, a.Path)
	case Remove:
		return "removing " + a.Path
	case Write:
		return "writing " + a.Path
	case Link:
		return fmt.Sprintf("linking %s to %s", a.Path, a.From)
	}
	return string(a.Kind)
}

// Do returns the function of a step that carries out an action on files.
func Do(a Action) func(context.Context) error {
	return func(context.Context) error { return a.named(a.onDisk()) }
}

// act carries out any action.
func (r Runner) act(ctx context.Context, a Action) error {
	switch a.Kind {
	case Remove, Rename, Write, Link, Move, Exchange:
		return a.named(a.onDisk())
	}
	if r.Act == nil {
		return fmt.Errorf("an action %q is not known to this version of gateway; install the version that began the change and run the command again", a.Kind)
	}
	return r.Act(ctx, a)
}

// named puts what the action does before its error.
func (a Action) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", a, err)
}

func (a Action) onDisk() error {
	switch a.Kind {
	case Remove:
		return os.RemoveAll(a.Path)
	case Rename:
		return rename(a.From, a.Path)
	case Write:
		return write(a.Path, a.Text, a.Mode)
	case Move:
		return move(a.From, a.Path)
	case Exchange:
		// Where it cannot be done, containers keep what they have: that is equal.
		_ = tree.Exchange(a.From, a.Path)
		return nil
	default:
		return link(a.From, a.Path)
	}
}

func rename(from, to string) error {
	if !exists(from) || exists(to) {
		return nil
	}
	return os.Rename(from, to)
}

func move(from, to string) error {
	if !exists(from) {
		return nil
	}
	// It removes an empty folder, and nothing else.
	if info, err := os.Lstat(to); err == nil && info.IsDir() {
		_ = os.Remove(to)
	}
	if exists(to) {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func write(path string, text []byte, mode fs.FileMode) error {
	err := tree.ReplaceFile(path, text)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next := path + ".new"
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm())
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode.Perm()), f.Sync(), f.Close()); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(next))
	}
	return nil
}

func link(to, path string) error {
	now, err := os.Readlink(path)
	switch {
	case err == nil && now == to:
		return nil
	case to == "" && err != nil:
		return nil // It is no link, or not there.
	case to == "" && err == nil:
		return os.Remove(path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is no link", path)
	}
	next := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	if err := os.Symlink(to, next); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// WriteFile is the step that makes text the content of an existing file, and undoes to what the file has now.
func WriteFile(path string, before, text []byte) Step {
	return Step{
		Do:   Do(Action{Kind: Write, Path: path, Text: text}),
		Undo: []Action{{Kind: Write, Path: path, Text: before, Mode: 0o644}},
	}
}

// RenameTo is the step that moves what is at from to path, where nothing is.
func RenameTo(from, path string) Step {
	return Step{
		Do: func(context.Context) error {
			if err := os.Rename(from, path); err != nil {
				return fmt.Errorf("renaming %s: %w", from, err)
			}
			return nil
		},
		Undo: []Action{{Kind: Rename, From: path, Path: from}},
	}
}

// LinkTo is the step that makes a link lead to another place: from before to target, either of which may be empty for no
// link.
func LinkTo(path, before, target string) Step {
	return Step{
		Do:   Do(Action{Kind: Link, Path: path, From: target}),
		Undo: []Action{{Kind: Link, Path: path, From: before}},
	}
}
