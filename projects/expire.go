package projects

import (
	"fmt"
	"time"
)

// ExpireStep is a step of retiring a project, in the order in which they are taken.
type ExpireStep string

// The steps.
const (
	// NotifyOwner records that the owner was told, and tells them.
	NotifyOwner ExpireStep = "notify"
	// SuspendProject stops its containers; clients get 410.
	SuspendProject ExpireStep = "suspend"
	// ArchiveProject writes what it has to an archive.
	ArchiveProject ExpireStep = "archive"
	// DeleteProject deletes it; the archive stays.
	DeleteProject ExpireStep = "delete"
)

// Candidate is what is known of a project, or of what runs without a folder, when it is decided whether it expires. Days
// are the start of a day in UTC.
type Candidate struct {
	// Name is that of the project, or of the container without one.
	Name  string
	Dir   string
	Owner string
	// Stray says that it has no project folder here. It is suspended at most.
	Stray bool
	// Apart says why it is not touched whatever the days are, empty for nothing.
	Apart string
	// AtRoot says that it lives at /, AtHost that it lives at / of a host name.
	AtRoot, AtHost bool
	// Pinned says that it never expires; Expires is its last day, zero when nobody said; Renewed is the day of the last
	// renewal, and Expiry what was recorded.
	Pinned           bool
	Expires, Renewed time.Time
	Expiry           Expiry
	// Told is what the agent did by itself, which is in no file yet.
	Told Expiry
	// Began is the day of the last deploy or renewal, zero when that is not known.
	Began time.Time
	// Visited is the day of the last request, zero for none since Watched. Watched is zero when nobody can be asked.
	Visited, Watched time.Time
	// Containers counts what the engine has of it, Running those of them that run.
	Containers, Running int

	stray Stray
}

// Rules say which projects expire, and when each step follows the one before.
type Rules struct {
	// Named are the projects that somebody named; they expire whatever their last day is. Without names all are looked at.
	Named []string
	// OlderThan selects projects without a last day, by the day of the last deploy or renewal; Idle selects projects by
	// the last request. Zero selects none.
	OlderThan, Idle Span
	// SuspendAfter is the time from the notice to the suspension, ArchiveAfter that to the archive, and DeleteAfter that to
	// the deletion.
	SuspendAfter, ArchiveAfter, DeleteAfter Span
	// Now takes the next step beyond the notice at once.
	Now bool
	// Today is the current day.
	Today time.Time
}

// Decision says what becomes of a candidate.
type Decision struct {
	Candidate
	// Due is the first day after its term, Why says in words why it is over.
	Due time.Time
	Why string
	// Held says why nothing is done with it although its term is over, empty otherwise.
	Held string
	// Step is the next step, empty when there is none, and On the day from which on it may be taken. Ready says that it is
	// to be taken now.
	Step  ExpireStep
	On    time.Time
	Ready bool
}

// Decide says what becomes of a candidate, and whether its term is over at all. It is a pure function.
func (r Rules) Decide(c Candidate) (Decision, bool) {
	d := Decision{Candidate: c}
	if d.Due, d.Why = r.due(c); d.Due.IsZero() {
		return d, false
	}
	if d.Held = c.held(); d.Held != "" {
		return d, true
	}
	if c.Stray {
		r.decideStray(&d)
	} else {
		r.decide(&d)
	}
	if d.Step != "" {
		d.Ready = !d.On.After(r.Today) || r.Now
	}
	return d, true
}

// due is the first day after the term of a candidate, zero when the term is not over or nobody knows.
func (r Rules) due(c Candidate) (time.Time, string) {
	over := func(day time.Time) bool { return !day.IsZero() && !day.After(r.Today) }
	if !c.Expires.IsZero() {
		if due := c.Expires.AddDate(0, 0, 1); over(due) {
			return due, "expired"
		}
	}
	if c.Stray {
		return time.Time{}, "" // Its label alone decides.
	}
	if !r.OlderThan.IsZero() && c.Expires.IsZero() && !c.Began.IsZero() {
		if due := r.OlderThan.After(c.Began); over(due) {
			return due, "older than " + r.OlderThan.String()
		}
	}
	if !r.Idle.IsZero() {
		last := c.Visited
		if last.IsZero() {
			last = c.Watched
		}
		if due := r.Idle.After(last); !last.IsZero() && over(due) {
			return due, "idle for " + r.Idle.String()
		}
	}
	if len(r.Named) == 0 {
		return time.Time{}, ""
	}
	// Whoever names it again some days later goes on with what was begun.
	if over(c.Expiry.Notified) {
		return c.Expiry.Notified, "named"
	}
	return r.Today, "named"
}

// held says why a candidate is left alone.
func (c Candidate) held() string {
	switch {
	case c.Apart != "":
		return c.Apart
	case c.AtRoot:
		return "it lives at /, which is pinned"
	case c.AtHost && !c.Stray && c.Expires.IsZero():
		return "it lives at / of its host name, which is pinned unless it has an expiry"
	case c.Pinned && !c.Stray:
		return "it is pinned"
	case c.Containers == 0 && c.Expiry.Archive == "":
		return "the engine has nothing of it"
	}
	return ""
}

// decide is the next step of a project. What was recorded before its term ended belongs to an earlier term.
func (r Rules) decide(d *Decision) {
	e := d.Expiry
	if !d.Told.Notified.Before(d.Due) && e.Notified.Before(d.Due) {
		e.Notified = d.Told.Notified
	}
	switch {
	case e.Suspended.IsZero() && d.Running == 0 && !d.Told.Suspended.Before(d.Due):
		// The agent has suspended it, and only the record is missing.
		d.Step, d.On = SuspendProject, d.Told.Suspended
	case e.Suspended.IsZero() && e.Notified.Before(d.Due):
		d.Step, d.On = NotifyOwner, d.Due
		if r.Now {
			d.Step = SuspendProject
		}
	case e.Suspended.IsZero():
		d.Step, d.On = SuspendProject, r.SuspendAfter.After(e.Notified)
	case d.Running > 0:
		// Somebody started it again without renewing it.
		d.Step, d.On = SuspendProject, e.Suspended
	case e.Archived.Before(e.Suspended) || e.Archive == "":
		d.Step, d.On = ArchiveProject, r.ArchiveAfter.After(e.Suspended)
	default:
		d.Step, d.On = DeleteProject, r.DeleteAfter.After(e.Archived)
	}
}

// decideStray is the next step of what has no folder, where nothing can be recorded.
func (r Rules) decideStray(d *Decision) {
	if d.Running > 0 {
		d.Step, d.On = SuspendProject, r.SuspendAfter.After(d.Due)
	}
}

// Then says in words what happens when: the next step, and those behind it, as they come when each is taken on its day.
func (r Rules) Then(d Decision) string {
	switch {
	case d.Held != "":
		return "left alone: " + d.Held
	case d.Step == "":
		return "nothing more: it is suspended"
	}
	on := d.On
	text := fmt.Sprintf("%s on %s", d.Step, on.Format(time.DateOnly))
	if d.Ready {
		on, text = r.Today, string(d.Step)+" now"
	}
	for step := d.Step; !d.Stray; {
		if step, on = r.next(step, on); step == "" {
			break
		}
		text += fmt.Sprintf(", %s on %s", step, on.Format(time.DateOnly))
	}
	return text
}

// Following is the day of the step behind one that is taken today.
func (r Rules) Following(step ExpireStep) time.Time {
	_, on := r.next(step, r.Today)
	return on
}

// next is the step behind one that is taken on a day, and its own day.
func (r Rules) next(step ExpireStep, on time.Time) (ExpireStep, time.Time) {
	switch step {
	case NotifyOwner:
		return SuspendProject, r.SuspendAfter.After(on)
	case SuspendProject:
		return ArchiveProject, r.ArchiveAfter.After(on)
	case ArchiveProject:
		return DeleteProject, r.DeleteAfter.After(on)
	}
	return "", on
}

// MostAtOnce is how many projects may be retired at once without a person who confirms it.
const MostAtOnce = 5
