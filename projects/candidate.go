package projects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// Visits are the last requests, as a gateway knows them. The zero value is that of a gateway that cannot be asked.
type Visits struct {
	// Since is from when on requests were counted.
	Since time.Time
	// Last has the last request of projects, and of containers without one, by their names.
	Last map[string]time.Time
}

// Candidates are all projects of the store, and all that runs without a folder and has an expiry in its labels. When they
// were last visited, Visits adds.
func (l Life) Candidates(ctx context.Context) ([]Candidate, error) {
	all, err := l.Store.List()
	if err != nil {
		return nil, err
	}
	containers, err := l.Engine.Containers(ctx)
	if err != nil {
		return nil, err
	}
	networks, err := l.Engine.Networks(ctx)
	if err != nil {
		return nil, err
	}
	var found []Candidate
	for _, p := range all {
		running := Running{
			Containers: slices.DeleteFunc(slices.Clone(containers), func(c docker.Container) bool { return ProjectOf(c.Labels) != string(p.Name) }),
			Networks:   slices.DeleteFunc(slices.Clone(networks), func(n docker.Network) bool { return ProjectOf(n.Labels) != string(p.Name) }),
		}
		found = append(found, l.candidate(p, running))
	}
	for _, s := range l.Store.Strays(all, containers, networks, l.Remote != "") {
		found = append(found, s.candidate())
	}
	slices.SortStableFunc(found, func(a, b Candidate) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

// Of adds the last request.
func (v Visits) Of(c Candidate) Candidate {
	if !v.Since.IsZero() {
		c.Watched = Today(v.Since)
	}
	if last := v.Last[c.Name]; !last.IsZero() {
		c.Visited = Today(last)
	}
	return c
}

// candidate is what is known of a project.
func (l Life) candidate(p Project, running Running) Candidate {
	c := Candidate{
		Name: string(p.Name), Dir: p.Dir, Owner: p.Owner, Pinned: p.Pinned, Expires: p.Expires, Renewed: p.Renewed, Expiry: p.Expiry,
		Containers: len(running.Containers), Running: running.up(), Began: p.began(running),
	}
	for _, claim := range p.Claims {
		root := claim.Key.Prefix.Root() && claim.Policy.Redirect == "" // A redirect lives nowhere.
		c.AtRoot = c.AtRoot || root && claim.Key.Host == ""
		c.AtHost = c.AtHost || root && claim.Key.Host != ""
	}
	if p.Err != nil {
		c.Apart = p.Err.Error()
		// What it would say of its days may be what cannot be read.
		c.Expires = running.lastDay()
	} else if err := running.foreign(p.Name, p.Dir); err != nil {
		c.Apart = strings.TrimPrefix(err.Error(), string(p.Name)+" ")
	}
	return c
}

// began is the day of the last deploy or renewal, as far as it can be seen.
func (p Project) began(running Running) time.Time {
	began := p.Created
	later := func(day time.Time) {
		if day.After(began) {
			began = day
		}
	}
	later(p.Renewed)
	if releases, err := p.Releases(); err == nil && p.Err == nil {
		for _, r := range releases {
			later(Today(r.Since.Local()))
		}
	}
	for _, c := range running.Containers {
		later(Today(c.Created.Local()))
	}
	return began
}

// lastDay is the latest day that the labels of containers say, zero for none.
func (r Running) lastDay() time.Time {
	var last time.Time
	for _, claim := range label.Own(r.claims()) {
		if claim.Expires.After(last) {
			last = claim.Expires
		}
	}
	return last
}

// candidate is what is known of something without a folder here. Its labels alone say when it ends.
func (s Stray) candidate() Candidate {
	running := Running{Containers: s.Containers}
	c := Candidate{Name: s.Name, Dir: s.Dir, Stray: true, Expires: running.lastDay(), Containers: len(s.Containers), Running: running.up(), stray: s}
	for _, claim := range label.Own(running.claims()) {
		c.Owner = cmp.Or(c.Owner, claim.Owner)
		c.AtRoot = c.AtRoot || claim.Key.Prefix.Root() && claim.Key.Host == "" && claim.Policy.Redirect == ""
		if claim.Expires.IsZero() {
			c.Pinned = true // A route of it that does not expire keeps all of it.
		}
	}
	for _, container := range s.Containers {
		if _, problems := label.Parse(container.Labels); len(problems) > 0 {
			c.Apart = "its labels have problems: " + problems[0].Message
		}
	}
	switch {
	case s.Kind == Elsewhere, s.Kind == Orphan && s.Twin != "":
		c.Apart = s.Message() + "; " + s.Fix()
	case c.Pinned && c.Apart == "":
		c.Apart = "it has a route that does not expire"
	}
	return c
}

// Retirement says how steps are taken.
type Retirement struct {
	// Today is the day that is recorded.
	Today time.Time
	// Archive says where archives are written, and is told how far one is.
	Archive Backup
}

// Retire takes the next step of a decision. The error wraps ErrChanged when the project was changed since it was decided.
func (l Life) Retire(ctx context.Context, d Decision, r Retirement) (*Change, error) {
	name := Name(d.Name)
	switch {
	case d.Held != "":
		return nil, fmt.Errorf("%s is left alone: %s", d.Name, d.Held)
	case d.Stray && d.Step == SuspendProject:
		return l.Do(ctx, SuspendStray{d.stray})
	case d.Step == NotifyOwner:
		return l.Do(ctx, Notice{Name: name, On: r.Today, Seen: &d.Candidate})
	case d.Step == SuspendProject:
		on := r.Today
		if d.Running == 0 && !d.Told.Suspended.IsZero() {
			on = d.Told.Suspended
		}
		return l.Do(ctx, Suspend{Name: name, On: on, Seen: &d.Candidate})
	}
	if d.Stray {
		return nil, fmt.Errorf("%s has no project folder: it is suspended at most", d.Name)
	}
	switch d.Step {
	case ArchiveProject:
		backup := r.Archive
		backup.Name = name
		return l.Do(ctx, Archive{Backup: backup, On: r.Today, Seen: &d.Candidate})
	case DeleteProject:
		return l.Do(ctx, Discard{Name: name, Seen: &d.Candidate})
	}
	return nil, fmt.Errorf("%s: there is no step %q", d.Name, d.Step)
}

// ErrChanged says that a project was retired or renewed by another command after it was decided what becomes of it.
var ErrChanged = errors.New("it was retired or renewed by another command meanwhile")

// changed reports ErrChanged when the project is not as it was seen; nil has seen nothing.
func (c *Candidate) changed(p Project) error {
	if c == nil || c.Expiry == p.Expiry && c.Expires.Equal(p.Expires) && c.Renewed.Equal(p.Renewed) && c.Pinned == p.Pinned {
		return nil
	}
	return fmt.Errorf("project %s: %w", p.Name, ErrChanged)
}

// Jumped says what shows that the clock of this machine was set by more than a day, empty for nothing: something here
// was made after now.
func (l Life) Jumped(ctx context.Context, all []Candidate, now time.Time) (string, error) {
	tomorrow := now.AddDate(0, 0, 1)
	for _, r := range all {
		for what, day := range map[string]time.Time{
			"notice": r.Expiry.Notified, "suspension": r.Expiry.Suspended, "archive": r.Expiry.Archived, "last deploy or renewal": r.Began,
		} {
			if day.After(Today(tomorrow)) {
				return fmt.Sprintf("the %s of %s is from %s, which is still to come", what, r.Name, day.Format(time.DateOnly)), nil
			}
		}
	}
	containers, err := l.Engine.Containers(ctx)
	for _, c := range containers {
		if c.Created.After(tomorrow) {
			return fmt.Sprintf("container %s was created on %s, which is still to come", c.Name, c.Created.Format(time.DateOnly)), err
		}
	}
	return "", err
}
