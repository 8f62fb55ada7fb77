package projects

import (
	"context"
	"fmt"

	"gateway/proxy/route"
)

// Deploy makes what runs equal to the project's folder, with the files of site in place of its own when it is not
// nil, and returns when its routes are served. When new files cannot be deployed the old ones come back; when they do not
// the error wraps a *Leftover.
func (l Life) Deploy(ctx context.Context, name Name, site *Site, routes []Taken) error {
	unlock, err := l.Store.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.Store.recoverSite(name); err != nil {
		return err
	}
	p, err := l.check(ctx, name, site, routes)
	if err != nil {
		return err
	}
	if site == nil {
		return l.up(ctx, p, false)
	}
	undo, done, err := l.Store.swapSite(ctx, p, site)
	if err != nil {
		return err
	}
	// The containers hold on to the folder that was there when they started, so they have to be replaced.
	if err := l.up(ctx, p, true); err != nil {
		return l.back(ctx, p, undo, err)
	}
	return done()
}

// check refuses a deployment before anything is changed.
func (l Life) check(ctx context.Context, name Name, site *Site, routes []Taken) (Project, error) {
	p, err := l.Store.Load(name)
	if err != nil {
		return p, err
	}
	running, err := Look(ctx, l.Engine, name)
	if err != nil {
		return p, err
	}
	folders, err := l.Store.look(name, 0)
	if err != nil {
		return p, err
	}
	facts := Facts{Routes: routes, folders: folders}
	reasons := []error{running.foreign(name, p.Dir), facts.siteFits(site)}
	for _, problem := range p.Problems {
		reasons = append(reasons, fmt.Errorf("%s: label %s: %s; %s", ComposeFile, problem.Label, problem.Message, problem.Mend))
	}
	for _, claim := range p.Claims {
		reasons = append(reasons, free(claim.Key, name, facts.taken()))
	}
	if site != nil {
		reasons = append(reasons, l.siteWanted(p), Store{l.Store.beside(name)}.checkRoom(site.Bytes))
	}
	return p, refuse(reasons...)
}

// siteWanted refuses files for a project that serves none.
func (l Life) siteWanted(p Project) error {
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
		return err
	}
	return KeepRunning(ctx, l.Engine, name, true)
}

func (l Life) failed(ctx context.Context, name Name, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	return &Failure{Err: cause, Logs: lastLogs(ctx, l.Engine, name)}
}

// back brings the old files back and runs them.
func (l Life) back(ctx context.Context, p Project, undo func() error, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := undo(); err != nil {
		return left(cause, "bringing the old files of project %s back: %w", p.Name, err)
	}
	if err := l.run(ctx, p.Dir, p.Name, true); err != nil {
		return left(cause, "starting project %s with its old files again: %w; mend with: gateway deploy %s", p.Name, err, p.Name)
	}
	return cause
}
