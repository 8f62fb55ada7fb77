package projects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gateway/proxy/printable"
	"gateway/proxy/route"
)

// Deployment is what somebody wants in force.
type Deployment struct {
	Name Name
	// Site becomes the project's next version. Without it the project's folder is put in force as it is.
	Site *Site
	// By is who deploys, for people.
	By string
	// Keep is how many versions are kept, this one among them; 0 is DefaultKeep.
	Keep int
	// Force makes a version also of files that are those in force.
	Force bool
}

// Deployed is what a deployment came to.
type Deployed struct {
	// Version is the one in force, zero when the project has none.
	Version Version
	// Made reports whether Version is new; without files, or without a change in them, none is made.
	Made    bool
	Changes Changes
	// Gone are the versions that were removed because they were not among those to keep.
	Gone []int
}

// Deploy makes what runs equal to the project's folder, with the files of a site as its next version when there is
// one, and returns when its routes are served. Containers that see the versions go on running: the new files show from
// one request to the next. Others are replaced. When new files cannot be deployed the version before comes back; when
// that does not the error wraps a *Leftover.
func (l Life) Deploy(ctx context.Context, d Deployment) (Deployed, error) {
	unlock, err := l.Store.Lock(ctx, d.Name)
	if err != nil {
		return Deployed{}, err
	}
	defer unlock()
	if err := l.Store.recoverSite(d.Name); err != nil {
		return Deployed{}, err
	}
	p, err := l.check(ctx, d)
	if err != nil {
		return Deployed{}, err
	}
	t := turn{l, p, historyOf(ctx, p)}
	if d.Site == nil {
		return t.folder(ctx)
	}
	changes, err := d.Site.compare(ctx, t.history.site())
	if err != nil {
		return Deployed{}, err
	}
	if changes.None() && !d.Force {
		done, err := t.folder(ctx)
		done.Changes = changes
		return done, err
	}
	return t.site(ctx, d, changes)
}

// turn puts another version of a project in force. Its caller holds the project's lock.
type turn struct {
	Life
	project Project
	history history
}

// folder puts in force what is in the project's folder. A folder that people put in the place of the versions'
// becomes the next one.
func (t turn) folder(ctx context.Context) (Deployed, error) {
	force, h := false, t.history
	if h.current() > 0 && isRealFolder(h.site()) {
		if err := adopt(h); err != nil {
			return Deployed{}, err
		}
		seen, err := follows(t.project)
		if err != nil {
			return Deployed{}, err
		}
		force = !seen
	}
	done := Deployed{}
	if n := h.current(); n > 0 {
		done.Version = h.read(n)
	}
	return done, t.up(ctx, t.project, force)
}

// site makes a version, puts it in force and removes the oldest.
func (t turn) site(ctx context.Context, d Deployment, changes Changes) (Deployed, error) {
	p, h := t.project, t.history
	seen, err := follows(p)
	if err == nil {
		err = adopt(h)
	}
	if err != nil {
		return Deployed{}, err
	}
	v, err := addVersion(ctx, h, d.Site, changes, d.By)
	if err != nil {
		return Deployed{}, fmt.Errorf("making a version of project %s: %w", p.Name, err)
	}
	if err := t.force(ctx, v, !seen); err != nil {
		return Deployed{}, err
	}
	gone, err := h.prune(cmp.Or(d.Keep, DefaultKeep))
	if err != nil {
		err = fmt.Errorf("version %d of project %s is in force, and %w", v.Number, p.Name, err)
	}
	return Deployed{Version: v, Made: true, Changes: changes, Gone: gone}, err
}

// force puts a new version in force, or leaves the one before in force.
func (t turn) force(ctx context.Context, v Version, replace bool) error {
	p, h := t.project, t.history
	undo := func() error {
		// When the link was not changed yet this changes nothing.
		if err := h.point(v.Replaced); err != nil {
			return err
		}
		return h.discard(v.Number)
	}
	err := h.at("deploy: placed")
	if err == nil {
		err = h.point(v.Number)
	}
	if err == nil {
		err = h.at("deploy: pointed")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("putting version %d of project %s in force: %w", v.Number, p.Name, err), undo())
	}
	if err := t.up(ctx, p, replace); err != nil {
		return t.back(ctx, undo, replace, err)
	}
	if err := h.mark(v); err != nil {
		return fmt.Errorf("version %d of project %s is in force, and noting that: %w", v.Number, p.Name, err)
	}
	return nil
}

// Compare says what the deployment of a site would change, and changes nothing.
func (l Life) Compare(ctx context.Context, name Name, site *Site) (Changes, error) {
	p, err := l.Store.Load(name)
	if err != nil {
		return Changes{}, err
	}
	if err := refuse(siteFits(l.Store, site), siteWanted(p), Store{l.Store.beside(name)}.checkRoom(site.Bytes)); err != nil {
		return Changes{}, err
	}
	return site.compare(ctx, filepath.Join(p.Dir, SiteFolder))
}

// check refuses a deployment before anything is changed.
func (l Life) check(ctx context.Context, d Deployment) (Project, error) {
	p, err := l.Store.Load(d.Name)
	if err != nil {
		return p, err
	}
	running, err := Look(ctx, l.Engine, d.Name)
	if err != nil {
		return p, err
	}
	o := &Observed{life: l, Name: d.Name}
	taken, err := o.Taken(ctx)
	if err != nil {
		return p, err
	}
	reasons := []error{running.foreign(d.Name, p.Dir), siteFits(l.Store, d.Site)}
	for _, problem := range p.Problems {
		reasons = append(reasons, fmt.Errorf("%s: label %s: %s; %s", ComposeFile, problem.Label, problem.Message, problem.Mend))
	}
	for _, claim := range p.Claims {
		reasons = append(reasons, free(claim.Key, d.Name, taken))
	}
	if d.Site != nil {
		reasons = append(reasons, siteWanted(p), Store{l.Store.beside(d.Name)}.checkRoom(d.Site.Bytes))
	}
	return p, refuse(reasons...)
}

// siteWanted refuses files for a project that serves none, or whose files are elsewhere.
func siteWanted(p Project) error {
	site := filepath.Join(p.Dir, SiteFolder)
	if to, err := os.Readlink(site); err == nil {
		if filepath.ToSlash(to) == siteLink {
			return nil
		}
		return fmt.Errorf("project %s: %s is a link to %s, and a version would come in its place; put a folder there first: rm %s && mkdir %s",
			p.Name, SiteFolder, printable.Line(to), site, site)
	}
	if p.HasSite() {
		return nil
	}
	return fmt.Errorf("project %s has no folder %s that files could go to; leave --dir out", p.Name, SiteFolder)
}

func (l Life) up(ctx context.Context, p Project, force bool) error {
	if err := l.run(ctx, p.Dir, p.Name, force); err != nil {
		return l.failed(ctx, p.Name, fmt.Errorf("deploying project %s: %w", p.Name, err))
	}
	var keys []route.Key
	for _, claim := range p.Claims {
		keys = append(keys, claim.Key)
	}
	if err := l.Ready(ctx, p.Name, keys); err != nil {
		return l.failed(ctx, p.Name, err)
	}
	return nil
}

// run makes what runs equal to the folder, and keeps it running.
func (l Life) run(ctx context.Context, dir string, name Name, force bool) error {
	if err := l.Compose.Up(ctx, dir, string(name), force); err != nil {
		return errors.Join(err, l.sweep(ctx, err))
	}
	return KeepRunning(ctx, l.Engine, name, true)
}

func (l Life) failed(ctx context.Context, name Name, cause error) error {
	return Explain(ctx, l.Engine, name, cause)
}

// back brings the version before back, and runs it where containers do not see that by themselves.
func (t turn) back(ctx context.Context, undo func() error, replace bool, cause error) error {
	p := t.project
	ctx, cancel := t.afterwards(ctx, p.Name)
	defer cancel()
	if err := undo(); err != nil {
		return left(cause, "bringing the version before of project %s back: %w; mend with: gateway rollback %s", p.Name, err, p.Name)
	}
	if err := t.run(ctx, p.Dir, p.Name, replace); err != nil {
		return left(cause, "starting project %s with its old files again: %w; mend with: gateway deploy %s", p.Name, err, p.Name)
	}
	return cause
}
