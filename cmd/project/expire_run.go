package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/archive"
	"gateway/proxy/admin"
	"gateway/proxy/label"
	"gateway/proxy/notify"
)

// expiry is one run of the command.
type expiry struct {
	session *cli.Session
	life    projects.Life
	rules   projects.Rules
	options expireOptions
	// recipients are who can read the archives.
	recipients archive.Recipients
	webhook    notify.Webhook
	decisions  []projects.Decision
	paths      map[string][]string
	// noticed is what the agent did by itself.
	noticed map[string]admin.Noticed
	// jumped says what shows that the clock was set, empty for nothing; silent says why the gateway cannot be asked.
	jumped string
	silent error
}

// decide looks at all projects and decides what becomes of those whose term is over.
func (e *expiry) decide(ctx context.Context) error {
	all, err := e.life.Candidates(ctx)
	if err != nil {
		return err
	}
	if e.jumped, err = e.life.Jumped(ctx, all, e.options.clock()); err != nil {
		return err
	}
	if all, err = e.named(ctx, all); err != nil {
		return err
	}
	visits, err := e.visits(ctx)
	if err != nil {
		e.silent = err
	}
	for _, c := range all {
		if n, told := e.noticed[c.Name]; told && n.Expires.Equal(c.Expires) {
			c.Told = projects.Expiry{Notified: n.Notified, Suspended: n.Suspended}
		}
		if d, over := e.rules.Decide(visits.Of(c)); over {
			e.decisions = append(e.decisions, d)
		}
	}
	return nil
}

// named leaves those that were named, each of which has to be there.
func (e *expiry) named(ctx context.Context, all []projects.Candidate) ([]projects.Candidate, error) {
	if len(e.rules.Named) == 0 {
		return all, nil
	}
	for _, name := range e.rules.Named {
		if !slices.ContainsFunc(all, func(c projects.Candidate) bool { return c.Name == name }) {
			if _, err := e.session.Known(ctx, name); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(all, func(c projects.Candidate) bool { return !slices.Contains(e.rules.Named, c.Name) }), nil
}

// visits are the last requests as the gateway knows them, and what it says of its clock.
func (e *expiry) visits(ctx context.Context) (projects.Visits, error) {
	v := projects.Visits{Last: map[string]time.Time{}}
	e.paths = map[string][]string{}
	client, err := e.session.Gateway(ctx)
	if err != nil {
		return v, err
	}
	status, err := client.Status(ctx)
	if err != nil {
		return v, err
	}
	if jumped := clockJump(status.Proxy, e.options.clock()); jumped != "" {
		e.jumped = cmp.Or(e.jumped, jumped)
	}
	if daily := status.Expiry(); daily != nil {
		e.noticed = daily.Noticed
	}
	v.Since = status.Proxy.Started
	routes, err := client.Routes(ctx)
	if err != nil {
		return v, err
	}
	for _, r := range routes.Routes {
		if !r.OnEngine() {
			continue
		}
		name := cmp.Or(r.Project, r.Service)
		e.paths[name] = append(e.paths[name], r.Key)
		last, err := lastRequest(ctx, client, r)
		if err != nil {
			return v, err
		}
		if last.After(v.Last[name]) {
			v.Last[name] = last
		}
	}
	return v, nil
}

// lastRequest is when a route was last asked for since the gateway started, zero for never.
func lastRequest(ctx context.Context, client *admin.Client, r admin.Route) (time.Time, error) {
	if r.Traffic.Requests == 0 {
		return time.Time{}, nil
	}
	requests, err := client.Requests(ctx, r.Key)
	if errors.Is(err, admin.ErrNoRoute) {
		return time.Time{}, nil
	}
	if err != nil || len(requests) == 0 {
		return time.Time{}, err
	}
	return requests[0].Time, nil
}

// mostDrift is how far the clock may have been set without being called a jump.
const mostDrift = 24 * time.Hour

// clockJump says that the clock was set while a proxy ran, empty when it was not.
func clockJump(p admin.Proxy, now time.Time) string {
	if p.Uptime == 0 {
		return ""
	}
	ran := time.Duration(p.Uptime) * time.Millisecond
	if drift := now.Sub(p.Started) - ran; drift.Abs() > mostDrift {
		return fmt.Sprintf("the gateway has run for %s, and by the clock it started %s ago: the clock was set, or the machine slept", cli.Age(now, now.Add(-ran)), cli.Age(now, p.Started))
	}
	return ""
}

// ready are those with a step to take now.
func (e *expiry) ready() []projects.Decision {
	return slices.DeleteFunc(slices.Clone(e.decisions), func(d projects.Decision) bool { return !d.Ready })
}

// doubt says why a person has to confirm n steps, empty when --yes does.
func (e *expiry) doubt(n int) string {
	if e.jumped == "" && n > projects.MostAtOnce {
		return fmt.Sprintf("%d projects are more than %d at once", n, projects.MostAtOnce)
	}
	return e.jumped
}

// confirm asks a person where --yes is not enough.
func (e *expiry) confirm(n int) error {
	env, why := e.session.Env, e.doubt(n)
	if why == "" {
		return nil
	}
	if !env.Interactive {
		return fmt.Errorf("nothing was done: %s; check the plan, and run the command on a terminal, where it asks", why)
	}
	return env.Confirm(fmt.Sprintf("%s.\nRetire %d projects?", why, n))
}

// carryOut takes the steps. One that fails keeps no other from being taken.
func (e *expiry) carryOut(ctx context.Context, due []projects.Decision) error {
	sender := notify.NewSender(e.webhook)
	defer sender.Close()
	failed := 0
	for _, d := range due {
		meter := newMeter(e.session.Progress, "Archive of "+d.Name)
		c, err := e.life.Retire(ctx, d, projects.Retirement{Today: e.rules.Today, Archive: projects.Backup{
			Dir: archives(e.session, e.options.to), Version: e.session.Env.Version, To: e.recipients, Progress: meter.count,
		}})
		e.session.Progress.End()
		if ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
		if errors.Is(err, projects.ErrChanged) {
			e.session.Env.Notef("%s\n", err)
			continue
		}
		if err != nil {
			failed++
			e.session.Env.Notef("project %s: %s\n", d.Name, e.session.Env.Hinted(err))
			continue
		}
		e.session.Env.Notef("%s %s\n", d.Name, e.done(d, c))
		if err := sender.Send(ctx, e.message(d)); err != nil {
			failed++
			e.session.Env.Notef("warning: %s was not announced: %v\n", d.Name, err)
		}
	}
	if failed > 0 {
		return cli.ErrSilent
	}
	return nil
}

// day is when the step behind one that is taken now comes.
func (e *expiry) day(d projects.Decision) string {
	return e.rules.Following(d.Step).Format(time.DateOnly)
}

// done says what was done with a project, and what comes next.
func (e *expiry) done(d projects.Decision, c *projects.Change) string {
	switch d.Step {
	case projects.NotifyOwner:
		return fmt.Sprintf("expires: it is suspended after %s; keep it with: %s", e.day(d), renewCommand(d))
	case projects.ArchiveProject:
		return fmt.Sprintf("is archived in %s, and is deleted after %s; keep it with: %s", c.Archived.Path, e.day(d), renewCommand(d))
	case projects.DeleteProject:
		return fmt.Sprintf("is deleted; its archive is %s; bring it back with: %s", d.Expiry.Archive, restoreCommand(d, d.Expiry.Archive))
	}
	return "is suspended; bring it back with: " + renewCommand(d)
}

// message tells the owner.
func (e *expiry) message(d projects.Decision) notify.Message {
	m := notify.Message{Event: string(d.Step), Project: d.Name, Paths: e.paths[d.Name], Owner: d.Owner, Renew: renewCommand(d)}
	m.Text = "its term is over (" + e.why(d) + "). "
	switch d.Step {
	case projects.NotifyOwner:
		m.Text += fmt.Sprintf("It is suspended after %s: its containers stop, and its data stays.", e.day(d))
	case projects.SuspendProject:
		m.Text += "It is suspended now: its containers are stopped, and its data stays"
		if !d.Stray {
			m.Text += fmt.Sprintf(". It is archived after %s", e.day(d))
		}
		m.Text += "."
	case projects.ArchiveProject:
		m.Text += fmt.Sprintf("It is archived now. It is deleted after %s, and the archive stays.", e.day(d))
	case projects.DeleteProject:
		m.Text += "It is deleted now, and its archive stays."
		m.Renew = restoreCommand(d, d.Name)
	}
	return m
}

// restoreCommand is what brings a project back that was deleted, of an archive that is named so.
func restoreCommand(d projects.Decision, from string) string {
	if d.Expiry.SHA256 != "" {
		return "gateway restore " + from + " --identity key.txt"
	}
	return "gateway restore " + from
}

// renewCommand is what brings a project back.
func renewCommand(d projects.Decision) string {
	if d.Stray {
		return "start it again with a later " + label.Expires
	}
	return "gateway renew " + d.Name
}
