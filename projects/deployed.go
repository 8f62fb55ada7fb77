package projects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gateway/projects/compose"
	"gateway/projects/plan"
)

// deployedFolder holds the compose and env files of a project as they were when it was last deployed, at their paths in the
// project's folder. A deployment of files that people edited goes back to them when it fails.
const deployedFolder = ".deployed"

const (
	// remember copies the compose and env files of the project's folder Path, which were deployed.
	remember plan.Kind = "remember files"
	// upDeployed runs the project from these copies, with the images that are there.
	upDeployed plan.Kind = "up as deployed"
)

// remember copies what was deployed. A failure is a note, not an error.
func (l Life) remember(ctx context.Context, dir string, name Name) {
	seen, err := l.Compose.Inspect(ctx, compose.Subject{Dir: dir, Name: string(name)})
	if err == nil {
		err = keepFiles(filepath.Join(dir, deployedFolder), seen.Texts)
	}
	if err != nil {
		l.note(fmt.Sprintf("no copy of the compose files of project %s was kept, to go back to when the next deployment fails: %v", name, err))
	}
}

// keepFiles replaces a folder with one of these files, which may hold secrets.
func keepFiles(dir string, texts map[string][]byte) error {
	if sameFiles(dir, texts) {
		return nil
	}
	next := dir + ".new"
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	for name, text := range texts {
		path := filepath.Join(next, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), privateMode); err != nil {
			return errors.Join(err, os.RemoveAll(next))
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return errors.Join(err, os.RemoveAll(next))
		}
	}
	// goesBack compares it with what runs before it is used, so that a crash between these two calls is harmless.
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(next, dir)
}

// sameFiles reports whether a folder has these files alone.
func sameFiles(dir string, texts map[string][]byte) bool {
	found := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found++
		text, err := os.ReadFile(path)
		name, outside := filepath.Rel(dir, path)
		if want, known := texts[filepath.ToSlash(name)]; !known || !bytes.Equal(want, text) {
			return fs.ErrNotExist
		}
		return errors.Join(err, outside)
	})
	return err == nil && found == len(texts)
}

// goesBack reports whether the files that were last deployed are kept and match what runs: somebody may have deployed other
// files with the docker command.
func (o *Observed) goesBack(ctx context.Context, p Project) (bool, error) {
	running, err := o.Running(ctx)
	kept := filepath.Join(p.Dir, deployedFolder)
	if err != nil || !running.runs() || !isThere(kept) {
		return false, err
	}
	changes, err := o.life.Compose.Compare(ctx, p.Dir, string(p.Name), compose.UpOptions{Made: true, Kept: kept})
	return err == nil && changes.None(), ctx.Err()
}

// builtBefore plans the images of a folder that people edited. If the deployment fails, the images of what runs get their
// names back.
func (o *Observed) builtBefore(ctx context.Context, c *Change) (planned bool, err error) {
	s := compose.Subject{Dir: c.Project.Dir, Name: string(c.Project.Name)}
	after, err := compose.ReadShape(ctx, s)
	if err != nil {
		return false, fmt.Errorf("reading project %s: %w", c.Project.Name, err)
	}
	s.Kept = filepath.Join(s.Dir, deployedFolder)
	before, err := compose.ReadShape(ctx, s)
	if err != nil || len(before.Built)+len(after.Built) == 0 {
		return false, err
	}
	return true, o.images(ctx, c, before.Built, after.Built)
}
