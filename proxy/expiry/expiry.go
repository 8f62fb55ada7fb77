// Package expiry is what the agent does once a day by itself: it notifies the owners of what has expired, and some time
// later suspends it. It goes by the labels of containers alone, sees no project folder and deletes nothing. The policies
// worth stating: what it noticed is kept on disk, and when that is lost, notices are only given again; more than a few at
// once, or a clock that was set, stop it until a person has looked.
package expiry

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

const (
	// suspendAfter is the time from the notice to the suspension, in days.
	suspendAfter = 14
	// mostAtOnce is how many steps are taken in a day.
	mostAtOnce = 5
	// asleep is the state of containers that the next request would start; no engine has it.
	asleep = "asleep"
)

// Noticed is what was done with something that expired.
type Noticed struct {
	// Expires is its last day, Notified and Suspended are the days of the steps; the last may be zero.
	Expires   time.Time `json:"expires"`
	Notified  time.Time `json:"notified"`
	Suspended time.Time `json:"suspended,omitzero"`
}

// group is what the labels say of the containers of a project, or of one container without a project.
type group struct {
	name    string
	project bool
	owner   string
	paths   []string
	expires time.Time
	running []docker.Container
	claims  []label.Claim
}

// groups are all that have a last day and may be suspended, sorted by name. What lives at / is pinned, and what has a
// route without a last day, or with a problem, is left alone.
func groups(containers []docker.Container) []group {
	found, left := map[string]*group{}, map[string]bool{}
	for _, c := range containers {
		if c.Labels[label.Role] != "" {
			continue
		}
		project := c.Labels[label.ComposeProject]
		name := cmp.Or(project, c.Name)
		g := found[name]
		if g == nil {
			g = &group{name: name, project: project != ""}
			found[name] = g
		}
		if c.State == "running" || c.State == "restarting" || c.State == asleep {
			g.running = append(g.running, c)
		}
		claims, problems := label.Parse(c.Labels)
		left[name] = left[name] || len(problems) > 0
		g.claims = append(g.claims, claims...)
	}
	var all []group
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if g := found[name]; g.ends() && !left[name] {
			all = append(all, *g)
		}
	}
	return all
}

// ends takes what the claims say of the whole, and reports whether it has a last day. Redirects beside other routes have
// one of their own.
func (g *group) ends() bool {
	for _, claim := range label.Own(g.claims) {
		if claim.Expires.IsZero() || claim.Key.Host == "" && claim.Key.Prefix.Root() && claim.Policy.Redirect == "" {
			return false
		}
		g.owner, g.paths = cmp.Or(g.owner, claim.Owner), append(g.paths, claim.Key.String())
		if claim.Expires.After(g.expires) {
			g.expires = claim.Expires
		}
	}
	return !g.expires.IsZero()
}

// step is one thing to do with a group.
type step struct {
	group
	suspend bool
}

// plan says what is to be done on a day. It is a pure function.
func plan(all []group, noticed map[string]Noticed, today time.Time) []step {
	var steps []step
	for _, g := range all {
		due := g.expires.AddDate(0, 0, 1)
		if due.After(today) || len(g.running) == 0 {
			continue
		}
		n, known := noticed[g.name]
		switch {
		case !known || !n.Expires.Equal(g.expires) || n.Notified.Before(due):
			steps = append(steps, step{group: g})
		case !n.Notified.AddDate(0, 0, suspendAfter).After(today):
			steps = append(steps, step{group: g, suspend: true})
		}
	}
	return steps
}

// Daily is a time of day in a zone.
type Daily struct {
	hour, minute int
	zone         *time.Location
}

// ParseDaily reads a time of day such as 04:00, and the name of its zone.
func ParseDaily(at, zone string) (Daily, error) {
	t, err := time.Parse("15:04", at)
	if err != nil {
		return Daily{}, fmt.Errorf("%q is no time of day; write one such as 04:00", at)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return Daily{}, fmt.Errorf("the time zone %q is not known; write one such as Europe/Berlin", zone)
	}
	return Daily{t.Hour(), t.Minute(), location}, nil
}

// String is the time with its zone.
func (d Daily) String() string { return fmt.Sprintf("%02d:%02d %s", d.hour, d.minute, d.zone) }

// after is the first time of that kind after another.
func (d Daily) after(t time.Time) time.Time {
	year, month, day := t.In(d.zone).Date()
	next := time.Date(year, month, day, d.hour, d.minute, 0, 0, d.zone)
	for !next.After(t) {
		day++
		next = time.Date(year, month, day, d.hour, d.minute, 0, 0, d.zone)
	}
	return next
}

// day is the calendar day of a time in the zone, as the start of that day in UTC.
func (d Daily) day(t time.Time) time.Time {
	year, month, day := t.In(d.zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}
