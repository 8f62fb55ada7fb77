package projects

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gateway/proxy/docker"
)

// Rollback is the plan of a return to another version.
type Rollback struct {
	Name Name
	// From is in force, To will be; they are equal when there is nothing to do.
	From, To Version
	Changes  Changes
}

// PlanRollback says where Rollback would lead and what would change for visitors, and changes nothing.
func (l Life) PlanRollback(ctx context.Context, name Name, number int) (Rollback, error) {
	p, err := l.Store.Load(name)
	if err != nil {
		return Rollback{}, err
	}
	h := historyOf(ctx, p)
	r := Rollback{Name: name}
	if r.From, r.To, err = h.find(name, number); err != nil {
		return r, err
	}
	site, err := OpenSite(h.siteOf(r.To.Number), Limits{})
	if err != nil {
		return r, err
	}
	r.Changes, err = site.compare(ctx, h.site())
	return r, err
}

// Rollback puts another version in force: the one with this number, or for 0 the one that was in force before, so that
// twice leads back to where it began. It works without an engine where containers see the versions themselves; else
// those that run are replaced, and compose.yaml is put in force with it. The error wraps ErrNoVersion when there is no
// such version.
func (l Life) Rollback(ctx context.Context, name Name, number int) (Rollback, error) {
	r := Rollback{Name: name}
	unlock, err := l.Store.Lock(ctx, name)
	if err != nil {
		return r, err
	}
	defer unlock()
	if err := l.Store.recoverSite(name); err != nil {
		return r, err
	}
	p, err := l.Store.Load(name)
	if err != nil {
		return r, err
	}
	h := historyOf(ctx, p)
	if h.current() > 0 {
		if err := adopt(h); err != nil {
			return r, err
		}
	}
	if r.From, r.To, err = h.find(name, number); err != nil || r.From.Number == r.To.Number {
		return r, err
	}
	t := turn{l, p, h}
	replace, err := t.replaces(ctx)
	if err != nil {
		return r, err
	}
	return r, t.roll(ctx, r, replace)
}

// replaces reports whether another version needs other containers.
func (t turn) replaces(ctx context.Context) (bool, error) {
	p := t.project
	if seen, err := follows(p); err != nil || seen {
		return false, err
	}
	running, err := Look(ctx, t.Engine, p.Name)
	if err != nil {
		return false, err
	}
	if !slices.ContainsFunc(running.Containers, func(c docker.Container) bool { return c.State == "running" }) {
		return false, nil
	}
	if err := running.foreign(p.Name, p.Dir); err != nil || t.HoldAgain == nil {
		return true, err
	}
	return true, t.HoldAgain(ctx, p)
}

// roll puts r.To in force, or leaves r.From in force.
func (t turn) roll(ctx context.Context, r Rollback, replace bool) error {
	p, h := t.project, t.history
	to := r.To
	to.Replaced = r.From.Number
	err := to.write(h.folder(to.Number))
	if err == nil {
		err = h.at("rollback: written")
	}
	if err == nil {
		err = h.point(to.Number)
	}
	if err != nil {
		return fmt.Errorf("putting version %d of project %s in force: %w", to.Number, p.Name, diskFull(err))
	}
	if err := h.at("rollback: pointed"); err != nil {
		return errors.Join(err, h.point(r.From.Number))
	}
	if replace {
		if err := t.up(ctx, p, true); err != nil {
			return t.back(ctx, func() error { return h.point(r.From.Number) }, true, err)
		}
	}
	if err := h.mark(to); err != nil {
		return fmt.Errorf("version %d of project %s is in force, and noting that: %w", to.Number, p.Name, err)
	}
	return nil
}
