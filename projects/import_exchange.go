package projects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/projects/tree"
)

// SourceBefore is the folder in which a project keeps the source before the one in force, without what containers may
// write to, until the next deployment: people may have put something there by hand.
const SourceBefore = "source.before"

// The names in the hidden folder in which a new source is made. Beside them it has the project's files as they will be.
const (
	// beforeSource is where the source before is, once it was taken out.
	beforeSource = "before"
	// beforeFile is what the project's files are kept as.
	beforeFile = "before."
	// planFile lists what is kept, one path a line; while it is there the source before is the one in force.
	planFile = "plan"
)

// exchangeOfSource puts another source in a project's place. Each step is one rename, and until it is committed each can
// be taken back, by whoever comes next too: what containers write to is moved and never copied or deleted.
type exchangeOfSource struct {
	dir, stage string
	keep       []string
	// step is called between the steps, and fails them when it fails; nil in all but tests.
	step func(string) error
}

func (x *exchangeOfSource) at(step string) error {
	if x.step == nil {
		return nil
	}
	return x.step(step)
}

func (x *exchangeOfSource) source() string { return filepath.Join(x.dir, importer.Source) }
func (x *exchangeOfSource) fresh() string  { return filepath.Join(x.stage, importer.Source) }
func (x *exchangeOfSource) before() string { return filepath.Join(x.stage, beforeSource) }

// prepare makes all that comes into force in a hidden folder, and changes nothing.
func (x *exchangeOfSource) prepare(ctx context.Context, p Project, d SourceDeployment) (notes []string, err error) {
	if x.stage, err = newStage(x.dir, "source", ""); err != nil {
		return nil, err
	}
	files, notes, err := d.files(p)
	if err != nil {
		return nil, err
	}
	x.keep = slices.DeleteFunc(x.keep, func(path string) bool {
		_, err := os.Lstat(filepath.Join(x.source(), filepath.FromSlash(path)))
		return errors.Is(err, fs.ErrNotExist)
	})
	if files == nil {
		// A Dockerfile's compose.yaml stays; the new source is looked at with it.
		text, err := os.ReadFile(filepath.Join(x.dir, ComposeFile))
		if err != nil {
			return nil, err
		}
		files = map[string][]byte{ComposeFile: text}
	}
	if files[ComposeFile], err = policy.Record(files[ComposeFile], d.Trust); err != nil {
		return nil, err
	}
	kept := func(name string) bool {
		return slices.ContainsFunc(x.keep, func(path string) bool { return name == path || strings.HasPrefix(name, path+"/") })
	}
	if err := d.Source.Folder.Copy(ctx, x.fresh(), kept); err != nil {
		return nil, diskFull(err)
	}
	for name, text := range files {
		if err := writeFile(x.stage, name, text); err != nil {
			return nil, diskFull(err)
		}
	}
	if err := tree.Flush(x.stage); err != nil {
		return nil, fmt.Errorf("writing the files to the disk: %w", err)
	}
	return notes, x.at("prepared")
}

// abandon removes what was prepared.
func (x *exchangeOfSource) abandon() error {
	if x.stage == "" {
		return nil
	}
	return os.RemoveAll(x.stage)
}

// own are the project's files that change with the source.
var own = []string{ComposeFile, importer.Override}

// forth puts the new source in force.
func (x *exchangeOfSource) forth() error {
	for _, name := range own {
		text, err := os.ReadFile(filepath.Join(x.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = writeFile(x.stage, beforeFile+name, text)
		}
		if err != nil {
			return err
		}
	}
	if err := writeFile(x.stage, planFile, []byte(strings.Join(x.keep, "\n"))); err != nil {
		return err
	}
	if err := tree.Flush(x.stage); err != nil {
		return err
	}
	if err := x.at("planned"); err != nil {
		return err
	}
	for _, path := range x.keep {
		if err := carry(x.source(), x.fresh(), path); err != nil {
			return err
		}
		if err := x.at("carried " + path); err != nil {
			return err
		}
	}
	if err := os.Rename(x.source(), x.before()); err != nil {
		return err
	}
	if err := x.at("taken out"); err != nil {
		return err
	}
	if err := os.Rename(x.fresh(), x.source()); err != nil {
		return err
	}
	if err := x.at("put in"); err != nil {
		return err
	}
	return x.write("")
}

// write puts the project's files in place that the stage has under a prefix.
func (x *exchangeOfSource) write(prefix string) error {
	for _, name := range own {
		text, err := os.ReadFile(filepath.Join(x.stage, prefix+name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = tree.ReplaceFile(filepath.Join(x.dir, name), text)
		}
		if err == nil {
			err = x.at("wrote " + name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// carry moves what is at a path from one folder to another, when it is there and the other has nothing.
func carry(from, to, path string) error {
	from, to = filepath.Join(from, filepath.FromSlash(path)), filepath.Join(to, filepath.FromSlash(path))
	if _, err := os.Lstat(from); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// back puts the source before in force again, from wherever forth came to, and removes the new one.
func (x *exchangeOfSource) back() error {
	if err := x.swapBack(); err != nil {
		return err
	}
	for _, path := range x.keep {
		if err := carry(x.fresh(), x.source(), path); err != nil {
			return err
		}
		if err := x.at("back: " + path); err != nil {
			return err
		}
	}
	if err := x.write(beforeFile); err != nil {
		return err
	}
	return x.abandon()
}

// swapBack exchanges the sources again, when they were.
func (x *exchangeOfSource) swapBack() error {
	if !isRealFolder(x.before()) {
		return nil
	}
	if isRealFolder(x.source()) {
		if err := os.Rename(x.source(), x.fresh()); err != nil {
			return err
		}
		if err := x.at("back: taken out"); err != nil {
			return err
		}
	}
	if err := os.Rename(x.before(), x.source()); err != nil {
		return err
	}
	return x.at("back: put in")
}

// commit makes the new source the one that stays.
func (x *exchangeOfSource) commit() error {
	if err := os.Remove(filepath.Join(x.stage, planFile)); err != nil {
		return err
	}
	if err := x.at("committed"); err != nil {
		return err
	}
	last := filepath.Join(x.dir, SourceBefore)
	if err := os.RemoveAll(last); err != nil {
		return err
	}
	if err := os.Rename(x.before(), last); err != nil {
		return err
	}
	return x.abandon()
}

// Recover ends what a crash left half done of a project's files, as all that changes them does: for who looks at them
// before that.
func Recover(ctx context.Context, s Store, name Name) error {
	unlock, err := s.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	return s.recoverSite(name)
}

// recoverSource ends what a crash left of exchanges of a project's source: the one before comes back unless the new one
// was committed. The caller holds the project's lock.
func (s Store) recoverSource(name Name) error {
	left, err := stages(s.Dir(name), "source", "")
	for _, stage := range left {
		x := &exchangeOfSource{dir: s.Dir(name), stage: stage}
		plan, readErr := os.ReadFile(filepath.Join(stage, planFile))
		switch {
		case errors.Is(readErr, fs.ErrNotExist):
			err = errors.Join(err, x.abandon())
			continue
		case readErr != nil:
			err = errors.Join(err, readErr)
			continue
		}
		if len(plan) > 0 {
			x.keep = strings.Split(string(plan), "\n")
		}
		err = errors.Join(err, x.back())
	}
	return err
}
