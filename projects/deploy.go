package projects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gateway/projects/compose"
	"gateway/projects/plan"
	"gateway/projects/policy"
	"gateway/projects/release"
	"gateway/proxy/docker"
	"gateway/proxy/printable"
)

// Deploy makes what runs equal to a project's folder. New files become the next release of its site, or of the source that
// it was made of, first: clients get the old ones until all new ones are copied.
type Deploy struct {
	Name Name
	// Dir has the new files, empty for none. A copy is taken of them, within Limits.
	Dir    string
	Limits Limits
	// Keep is how many releases are kept, the new one among them; 0 is release.DefaultKeep.
	Keep int
	// Force also deploys files that are current already, and files that are rarely meant to be public.
	Force bool
	// By is who deploys, for people.
	By string
	// Trust are further rules of the policy that the project may break, which is recorded.
	Trust policy.Trust
	// Today is the day on which the term of the project begins again, when something new is deployed.
	Today time.Time
	// Idle is written into the project's labels, unless it is nil; 0 takes it out. It goes without Dir.
	Idle *time.Duration
}

// Project is the one to deploy.
func (d Deploy) Project() Name { return d.Name }

// Plan decides what has to change. Files that are current already make no release.
func (d Deploy) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, err := o.Load()
	if err != nil {
		return nil, err
	}
	running, err := o.Running(ctx)
	if errors.Is(err, docker.ErrUnreachable) && d.Dir != "" && !p.HasSource() {
		// What changes of a site is known without an engine, for a dry run.
		return d.site(ctx, o, p, running, err)
	}
	if err != nil {
		return nil, err
	}
	taken, err := o.Taken(ctx)
	if err != nil {
		return nil, err
	}
	reasons := append(p.wrong(), running.foreign(d.Name, p.Dir), p.wakes(running, d.Today))
	for _, claim := range p.Claims {
		reasons = append(reasons, free(claim.Key, d.Name, taken))
	}
	if err := refuse(reasons...); err != nil {
		return nil, err
	}
	switch {
	case d.Dir == "":
		return d.folder(ctx, o, p, running)
	case p.HasSource():
		return d.source(ctx, o, p, running)
	}
	return d.site(ctx, o, p, running, nil)
}

// deployment is a plan under way that makes what runs equal to a project's folder.
type deployment struct {
	change   *Change
	o        *Observed
	releases *release.Change
	edits    edits
}

// begin starts the plan of a project that runs, or will, with its current release.
func begin(o *Observed, verb string, p Project) (deployment, error) {
	releases, err := p.history().Change()
	if err != nil {
		return deployment{}, fmt.Errorf("project %s: %w", p.Name, err)
	}
	// What is left of it goes with the next repair.
	o.closers = append(o.closers, func() { _ = releases.Discard() })
	c := &Change{Plan: plan.Plan{Verb: verb}, Project: p, Release: releases.Current(), Fix: "gateway deploy " + string(p.Name)}
	c.Undone = fmt.Sprintf("project %s is as it was before", p.Name)
	if n := c.Release.Number; n > 0 {
		c.Undone = fmt.Sprintf("version %d of project %s is current again", n, p.Name)
	}
	return deployment{c, o, releases, edits{}}, nil
}

// done is the plan when all is decided but what comes after the releases.
func (d deployment) done() *Change {
	d.change.Steps = append(d.releases.Steps, d.change.Steps...)
	d.change.Cleanup = append(d.change.Cleanup, d.releases.Cleanup...)
	return d.change
}

// check holds the folder of the project to the policy, and records the trust that it is given.
func (d deployment) check(ctx context.Context, trust policy.Trust) error {
	p := d.change.Project
	notes, err := d.o.CheckPolicy(ctx, compose.Subject{Dir: p.Dir, Trust: trust})
	if err != nil {
		return err
	}
	d.change.Notes = append(d.change.Notes, notes...)
	record, err := d.edits.recordTrust(p, trust)
	d.change.Steps = append(d.change.Steps, record...)
	return err
}

// folder deploys what is in the project's folder. A folder that people put in the place of the link to the current release
// becomes the next one.
func (d Deploy) folder(ctx context.Context, o *Observed, p Project, running Running) (*Change, error) {
	c, err := begin(o, "deploy", p)
	if err != nil {
		return nil, err
	}
	if err := c.check(ctx, d.Trust); err != nil {
		return nil, err
	}
	// What the folder says is edited in place: there is nothing to go back to.
	c.change.Undone = ""
	for i := range c.change.Steps {
		c.change.Steps[i].Undo = nil
	}
	if d.Idle != nil {
		write, err := c.edits.writeIdle(p, *d.Idle)
		if err != nil {
			return nil, err
		}
		c.change.Steps = append(c.change.Steps, write)
	}
	var replace []string
	isNew := d.Idle != nil || p.suspended(running, d.Today)
	if c.change.Release.Number > 0 {
		adopted, err := c.releases.Adopt()
		if err != nil {
			return nil, err
		}
		isNew = isNew || adopted
		if adopted {
			c.change.Release = c.releases.Current()
			if replace, err = mountingContent(ctx, p); err != nil {
				return nil, err
			}
		}
	}
	_, begins := p.restart(d.Today)
	begins = begins && !p.dayEdited(running)
	if begins && !isNew {
		if isNew, err = c.isNew(ctx, d.Dir == ""); err != nil {
			return nil, err
		}
	}
	if begins && isNew {
		if err := c.beginTerm(d.Today); err != nil {
			return nil, err
		}
	}
	if d.Idle != nil {
		c.change.Undone = fmt.Sprintf("project %s sleeps as before", p.Name)
		err = o.Up(ctx, c.change, compose.UpOptions{Replace: replace})
	} else {
		err = o.UpEdited(ctx, c.change, compose.UpOptions{Replace: replace})
	}
	return c.done(), err
}

// site deploys new files for the project to serve. An engine that is away fails the first step.
func (d Deploy) site(ctx context.Context, o *Observed, p Project, running Running, away error) (*Change, error) {
	site, err := OpenSite(d.Dir, d.Limits)
	if err != nil {
		return nil, err
	}
	if err := site.Unfit(); err != nil && !d.Force {
		return nil, err
	}
	if err := refuse(siteFits(o.Store(), site), siteWanted(p), Store{o.Store().beside(p.Name)}.checkRoom(site.Bytes)); err != nil {
		return nil, err
	}
	h := p.history()
	changes, err := site.compare(ctx, h.Path())
	if err != nil {
		return nil, err
	}
	if changes.None() && !d.Force && away == nil {
		c, err := d.folder(ctx, o, p, running)
		if err == nil {
			c.Files, c.Notes = &changes, append(site.Notes(false), c.Notes...)
		}
		return c, err
	}
	c, err := begin(o, "deploy", p)
	if err != nil {
		return nil, err
	}
	c.change.Files, c.change.Notes = &changes, site.Notes(false)
	if away != nil {
		c.change.Steps = []plan.Step{{Do: func(context.Context) error { return away }}}
		return c.done(), nil
	}
	if err := c.check(ctx, d.Trust); err != nil {
		return nil, err
	}
	if err := c.beginTerm(d.Today); err != nil {
		return nil, err
	}
	replace, err := mountingContent(ctx, p)
	if err != nil {
		return nil, err
	}
	if _, err := c.releases.Adopt(); err != nil {
		return nil, err
	}
	stage := c.releases.Stage()
	c.releases.Steps = append(c.releases.Steps, plan.Step{
		Text: fmt.Sprintf("copy %s (%s) from %s", Files(site.Files), Size(site.Bytes), site.Dir),
		Do: func(ctx context.Context) error {
			if err := h.Make(stage); err != nil {
				return unwritable(p.Dir, err)
			}
			return diskFull(site.copyOver(ctx, filepath.Join(stage, h.Content), h.Path(), changes))
		},
		Undo: []plan.Action{{Kind: plan.Remove, Path: stage}},
	})
	if c.change.Release, err = c.releases.Place(stage, d.described(site.Dir, site.Files, site.Bytes)); err != nil {
		return nil, err
	}
	c.releases.Activate(c.change.Release, stage, release.Move{})
	c.prune(d.Keep)
	return c.done(), c.up(ctx, compose.UpOptions{Replace: replace})
}

// described is a release of files that are copied now.
func (d Deploy) described(from string, files int, bytes int64) release.Release {
	return release.Release{Made: time.Now().UTC().Truncate(time.Second), From: from, By: d.By, Files: files, Bytes: bytes}
}

func (d deployment) prune(keep int) {
	d.change.Made, d.change.Gone = true, d.releases.Prune(cmp.Or(keep, release.DefaultKeep))
}

// siteWanted refuses files for a project that serves none, or whose files are elsewhere.
func siteWanted(p Project) error {
	site := filepath.Join(p.Dir, SiteFolder)
	if to, err := os.Readlink(site); err == nil {
		if filepath.ToSlash(to) == p.history().Link() {
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

// mountingContent are the services that have what is released mounted, and not its releases: a mount stays with the folder
// that it was made of, so that they need another container to see another release.
func mountingContent(ctx context.Context, p Project) ([]string, error) {
	shape, err := compose.ReadShape(ctx, compose.Subject{Dir: p.Dir, Name: string(p.Name)})
	if err != nil {
		return nil, fmt.Errorf("reading project %s: %w", p.Name, err)
	}
	h := p.history()
	var all []string
	for _, service := range shape.Running {
		content, releases := false, false
		for _, m := range shape.Mounts[service] {
			content = content || policy.Within(h.Path(), m.Path)
			releases = releases || m.Path == filepath.Join(p.Dir, release.Folder)
		}
		if content && !releases {
			all = append(all, service)
		}
	}
	return all, nil
}

// up plans that what runs becomes equal to the folder, once its files are in place.
func (d deployment) up(ctx context.Context, o compose.UpOptions) error {
	d.change.Replaced = slices.Sorted(slices.Values(o.Replace))
	running, err := d.o.Running(ctx)
	if err != nil {
		return err
	}
	if running.runs() {
		d.change.Undone += ", and runs"
	}
	return d.o.Up(ctx, d.change, o)
}
