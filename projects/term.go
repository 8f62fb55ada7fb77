package projects

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"gateway/projects/compose"
	"gateway/proxy/label"
)

// Renewal is the renewal for people who do not say how long: as long as the term before, else DefaultTerm.
func (p Project) Renewal(today time.Time) Renew {
	term := cmp.Or(p.Term, DefaultTerm)
	return Renew{Name: p.Name, Until: term.ends(today), Term: term, On: today}
}

// ends is the last day of a term that begins on a day. It is one that can be written.
func (s Span) ends(day time.Time) time.Time {
	last := s.After(day)
	if last.Year() > lastYear {
		return time.Date(lastYear, time.December, 31, 0, 0, 0, 0, time.UTC)
	}
	return last
}

// restart begins the term of a project again, since something new is deployed on a day. It is false when nothing changes by
// that: the last day does not move, or never comes. A term is never shortened.
func (p Project) restart(today time.Time) (Renew, bool) {
	if p.Term.IsZero() || p.Pinned {
		return Renew{}, false
	}
	until := p.Term.ends(today)
	if p.Expires.After(until) {
		until = p.Expires
	}
	return Renew{Name: p.Name, Until: until, Term: p.Term, also: forgetExpiry}, !until.Equal(p.Expires) || p.Expiry != (Expiry{})
}

// dayEdited reports whether the file of a project has another last day than its containers: somebody moved it by hand.
func (p Project) dayEdited(running Running) bool {
	claims := label.Own(running.claims())
	return len(claims) > 0 && !slices.ContainsFunc(claims, func(c label.Claim) bool { return c.Expires.IsZero() || c.Expires.Equal(p.Expires) })
}

// suspended reports whether a project was stopped as its term is over: by its record, or by the agent, which writes none.
func (p Project) suspended(running Running, today time.Time) bool {
	stopped := len(running.Containers) > 0 && !running.runs()
	over := !p.Pinned && !p.Expires.IsZero() && p.Expires.Before(today)
	return !p.Expiry.Suspended.IsZero() || stopped && over
}

// wakes returns an error for a suspended project that a deployment does not bring back: its last day does not move.
func (p Project) wakes(running Running, today time.Time) error {
	if !p.suspended(running, today) || !p.Pinned && !p.Term.IsZero() {
		return nil
	}
	return fmt.Errorf("project %s is suspended, as its term is over; renew it first: gateway renew %s", p.Name, p.Name)
}

// isNew reports whether the folder of a project says something that does not run yet. Images that are built are taken for
// new where the files of them may have been edited.
func (d deployment) isNew(ctx context.Context, edited bool) (bool, error) {
	p := d.change.Project
	shape, err := compose.ReadShape(ctx, compose.Subject{Dir: p.Dir, Name: string(p.Name)})
	if err != nil || edited && len(shape.Built) > 0 {
		return true, err
	}
	changes, err := d.o.life.Compose.Compare(ctx, p.Dir, string(p.Name), compose.UpOptions{Made: true})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err != nil || !changes.None(), nil // An image that is not there yet is new.
}

// beginTerm edits the project's files so that its term begins again, where it has one.
func (d *deployment) beginTerm(today time.Time) error {
	p := d.change.Project
	r, begins := p.restart(today)
	if !begins {
		return nil
	}
	for _, path := range slices.Compact([]string{filepath.Join(p.Dir, ComposeFile), p.routesFile()}) {
		changes := false
		step, err := d.edits.step(path, r.text(path), func(before []byte) ([]byte, error) {
			after, err := r.edited(p, path, before)
			changes = !bytes.Equal(before, after)
			return after, err
		})
		if err != nil {
			return err
		}
		if changes {
			d.change.Steps = append(d.change.Steps, step)
		}
	}
	d.change.termBegins(r, today)
	return nil
}

// termBegins says that a term begins again.
func (c *Change) termBegins(r Renew, today time.Time) {
	c.Project.Expires, c.Project.Expiry = r.Until, Expiry{}
	c.Notes = append(c.Notes, fmt.Sprintf("expires %s (%d days from today)", r.Until.Format(time.DateOnly), DaysLeft(r.Until, today)))
}
