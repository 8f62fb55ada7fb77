package projects

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/projects/archive"
	"gateway/projects/composefile"
	"gateway/projects/plan"
)

// Archive writes a suspended project to an archive, and records in its compose.yaml where it is. The project stays.
type Archive struct {
	Backup
	// On is the day of it.
	On time.Time
	// Seen is the project as it was when it was decided; nil accepts any.
	Seen *Candidate
}

// Plan refuses a project that runs: what it writes afterwards would be missing.
func (a Archive) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, running, err := o.owned(ctx, a.Seen)
	if err != nil {
		return nil, err
	}
	if running.runs() {
		return nil, fmt.Errorf("project %s runs; suspend it first: gateway expire %s --now --yes", a.Name, a.Name)
	}
	c, err := a.Backup.Plan(ctx, o)
	if err != nil {
		return nil, err
	}
	c.Verb = "archive"
	write, err := p.record(fmt.Sprintf("write in %s where the archive is", ComposeFile), "archived", a.On)
	if err != nil {
		return nil, err
	}
	write.Do = func(ctx context.Context) error {
		// Only now it is known that the archive is whole.
		step, err := p.edit("", func(file *composefile.File) error {
			err := errors.Join(recorded("archived", a.On)(file), file.Set(expiryPath("archive"), escapeLabel(c.Archived.Path)))
			if !c.Archived.Encrypted || err != nil {
				return err
			}
			return errors.Join(
				file.Set(expiryPath("sha256"), c.Archived.SHA256), file.SetItems(expiryPath("volumes"), c.Archived.Manifest.Volumes),
			)
		})
		if err != nil {
			return err
		}
		return step.Do(ctx)
	}
	c.Steps = append(c.Steps, write)
	return c, nil
}

// Discard deletes a project that was archived, with its volumes and its folder. The archive stays, and is read back before
// anything is deleted. Of an encrypted one, for which there is no key here, the sum is compared with that of the file which
// was decrypted and verified when it was written.
type Discard struct {
	Name Name
	// Seen is the project as it was when it was decided; nil accepts any.
	Seen *Candidate
}

// Project is the one to delete.
func (d Discard) Project() Name { return d.Name }

// Plan refuses a project of which something is not in its archive, or belongs to another project too.
func (d Discard) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, running, err := o.owned(ctx, d.Seen)
	again := o.Repaired == "delete"
	switch {
	case again && errors.Is(err, ErrNoProject):
		return &Change{Plan: plan.Plan{Verb: "delete"}}, nil // The repair has deleted it.
	case again && errors.Is(err, errNothing):
		// An interrupted deletion came as far as that.
	case err != nil:
		return nil, err
	}
	switch {
	case p.Expiry.Archived.IsZero() || p.Expiry.Archive == "":
		return nil, fmt.Errorf("project %s has no archive; write one first: gateway expire %s --now --yes", d.Name, d.Name)
	case running.runs():
		return nil, fmt.Errorf("project %s runs; suspend and archive it first: gateway expire %s --now --yes", d.Name, d.Name)
	}
	manifest, err := d.readBack(ctx, p.Expiry)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("nothing was deleted, since the archive of project %s cannot be read: %w; renew the project, or remove archived and archive from x-gateway.expiry in its %s to have it archived again", d.Name, err, ComposeFile)
	}
	written, err := os.Stat(p.Expiry.Archive)
	if err != nil {
		return nil, err
	}
	if err := d.covered(ctx, o.life, manifest, written.ModTime(), running); err != nil {
		return nil, err
	}
	c, err := Remove{d.Name}.Plan(ctx, o)
	if err != nil {
		return nil, err
	}
	c.Verb, c.Fix = "delete", "gateway rm "+string(d.Name)
	c.Steps = slices.Insert(c.Steps, 0, plan.Step{Text: fmt.Sprintf("keep the archive %s, which was read back", p.Expiry.Archive)})
	return c, nil
}

// readBack returns what the archive has, when it is whole.
func (d Discard) readBack(ctx context.Context, e Expiry) (archive.Manifest, error) {
	encrypted, err := archive.Encrypted(e.Archive)
	if err != nil || !encrypted {
		return archive.Read(ctx, e.Archive, archive.Identities{}, nil)
	}
	if e.SHA256 == "" {
		return archive.Manifest{}, fmt.Errorf("archive %s is encrypted, and x-gateway.expiry has no sha256 to compare it with", e.Archive)
	}
	sum, err := archive.Sum(ctx, e.Archive)
	if err != nil {
		return archive.Manifest{}, err
	}
	if sum != e.SHA256 {
		return archive.Manifest{}, fmt.Errorf("archive %s is encrypted, and its SHA-256 is not the sha256 in x-gateway.expiry: it was changed or damaged", e.Archive)
	}
	named, _ := archive.ParseName(filepath.Base(e.Archive))
	return archive.Manifest{Info: archive.Info{Project: named.Project, Created: named.Created, Volumes: strings.Fields(e.Volumes)}}, nil
}

// covered returns an error when something that would be deleted is not in the archive, or is somebody else's too.
func (d Discard) covered(ctx context.Context, l Life, m archive.Manifest, written time.Time, running Running) error {
	if m.Project != string(d.Name) {
		return fmt.Errorf("nothing was deleted: the archive that project %s names is one of project %s", d.Name, m.Project)
	}
	volumes, err := l.Engine.Volumes(ctx, ComposeLabel(d.Name))
	if err != nil {
		return err
	}
	own := map[string]bool{}
	for _, v := range volumes {
		own[v.Name] = true
		key := v.Labels[composeVolume]
		if !slices.Contains(m.Volumes, key) && !slices.Contains(m.Volumes, v.Name) {
			return fmt.Errorf("nothing was deleted: volume %s of project %s is not in its archive; renew the project, and expire it again", v.Name, d.Name)
		}
	}
	for _, c := range running.Containers {
		inspected, err := l.Engine.Container(ctx, c.ID)
		if err != nil {
			return err
		}
		// The manifest has whole seconds.
		if ended := inspected.Run.Ended; ended.After(written) || ended.After(m.Created.Add(time.Second)) {
			return fmt.Errorf("nothing was deleted: container %s ran after the archive of project %s was written; renew the project, and expire it again", c.Name, d.Name)
		}
	}
	return l.shared(ctx, d.Name, own)
}

// shared returns an error when a container of another project uses one of the volumes.
func (l Life) shared(ctx context.Context, name Name, volumes map[string]bool) error {
	if len(volumes) == 0 {
		return nil
	}
	containers, err := l.Engine.Containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if ProjectOf(c.Labels) == string(name) {
			continue
		}
		mounts, err := l.Engine.Mounts(ctx, c.ID)
		if err != nil {
			return err
		}
		for _, m := range mounts {
			if volumes[m.Volume] {
				return fmt.Errorf("nothing was deleted: container %s uses volume %s of project %s; let it use another volume, or renew the project: gateway renew %s", c.Name, m.Volume, name, name)
			}
		}
	}
	return nil
}
