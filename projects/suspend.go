package projects

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"gateway/projects/compose"
	"gateway/projects/composefile"
	"gateway/projects/plan"
	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// Notice records that the owner of a project was told that it expires. It touches nothing that runs.
type Notice struct {
	Name Name
	// On is the day of it.
	On time.Time
	// Seen is the project as it was when it was decided; nil accepts any.
	Seen *Candidate
}

// Project is the one that expires.
func (n Notice) Project() Name { return n.Name }

// Plan edits the project's compose.yaml.
func (n Notice) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, _, err := o.owned(ctx, n.Seen)
	if err != nil {
		return nil, err
	}
	write, err := p.record("write in "+ComposeFile+" that the owner was told on "+n.On.Format(time.DateOnly), "notified", n.On)
	return &Change{
		Plan: plan.Plan{Verb: "notice", Steps: []plan.Step{write}}, Project: p,
		Undone: fmt.Sprintf("project %s is as before", n.Name), Fix: "gateway expire " + string(n.Name),
	}, err
}

// Suspend stops a project that expired, and keeps all that it has. Its compose.yaml says so, and the labels of its
// containers say a last day that is past: by them the gateway answers 410.
type Suspend struct {
	Name Name
	// On is the day of it.
	On time.Time
	// Seen is the project as it was when it was decided; nil accepts any.
	Seen *Candidate
}

// Project is the one to suspend.
func (s Suspend) Project() Name { return s.Name }

// Plan refuses a project that has nothing on the engine, and one of another folder.
func (s Suspend) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, running, err := o.owned(ctx, s.Seen)
	if err != nil {
		return nil, err
	}
	c := &Change{
		Plan: plan.Plan{Verb: "suspend"}, Project: p, Fix: "gateway renew " + string(s.Name),
		Undone: fmt.Sprintf("project %s runs as before", s.Name),
	}
	said := fmt.Sprintf("write in %s that it is suspended since %s", ComposeFile, s.On.Format(time.DateOnly))
	if last := s.On.AddDate(0, 0, -1); p.Expires.IsZero() || p.Expires.After(last) {
		c.Steps, err = Renew{Name: s.Name, Until: last, also: recorded("suspended", s.On)}.writes(p)
		c.Steps = append(c.Steps, plan.Step{Text: said})
	} else {
		c.Steps = make([]plan.Step, 1)
		c.Steps[0], err = p.record(said, "suspended", s.On)
	}
	if err != nil {
		return nil, err
	}
	c.Steps = append(c.Steps, o.life.suspends(p, running, s.On)...)
	return c, nil
}

// suspends are the steps that stop what runs, and make the labels say that the last day is past.
func (l Life) suspends(p Project, running Running, on time.Time) []plan.Step {
	name := p.Name
	halt := plan.Step{
		Text: fmt.Sprintf("stop the containers of project %s, and keep them with their data", name),
		Do:   func(ctx context.Context) error { return l.haltAll(ctx, name) },
	}
	if running.runs() {
		halt.Undo, halt.Resume = []plan.Action{{Kind: keep}}, []plan.Action{{Kind: start}}
	}
	if running.saysExpired(on) {
		return []plan.Step{halt}
	}
	relabel := plan.Step{
		Text: "replace the stopped containers by ones whose labels say the last day",
		Do: func(ctx context.Context) error {
			err := l.Compose.Up(ctx, p.Dir, string(name), compose.UpOptions{Made: true, Stopped: true})
			if err != nil && ctx.Err() == nil {
				l.note(fmt.Sprintf("clients of project %s get 503 and not 410, since the labels of its containers do not say its last day: %v", name, err))
				return nil
			}
			return err
		},
	}
	var before []string
	for _, c := range running.Containers {
		before = append(before, c.ID)
	}
	relabel.Undo = []plan.Action{{Kind: withdraw, Names: before}}
	if running.runs() {
		halt.Resume = []plan.Action{{Kind: up, Path: p.Dir}}
	}
	return []plan.Step{halt, relabel}
}

// haltAll stops all containers of a project, those too that Compose leaves alone, such as those of one command.
func (l Life) haltAll(ctx context.Context, name Name) error {
	if err := l.halt(ctx, name); err != nil {
		return err
	}
	running, err := Look(ctx, l.Engine, name)
	for _, c := range running.Containers {
		if err == nil && runs(c) {
			err = l.Engine.Stop(ctx, c.ID)
		}
	}
	return err
}

// saysExpired reports whether all routes of the containers have a last day before the given one.
func (r Running) saysExpired(on time.Time) bool {
	return !slices.ContainsFunc(label.Own(r.claims()), func(c label.Claim) bool { return c.Expires.IsZero() || !c.Expires.Before(on) })
}

// errNothing says that there is a folder alone.
var errNothing = errors.New("the engine has nothing of it")

// owned is a project with what runs of it: only what carries the project's label and has a folder that can be read is
// ever retired.
func (o *Observed) owned(ctx context.Context, seen *Candidate) (Project, Running, error) {
	p, err := o.Load()
	if err == nil {
		err = seen.changed(p)
	}
	if err != nil {
		return p, Running{}, err
	}
	running, err := o.ours(ctx)
	if err == nil && running.empty() {
		err = fmt.Errorf("project %s: %w, so that it is left alone; see it with: gateway show %s", o.Name, errNothing, o.Name)
	}
	return p, running, err
}

// record is the step that writes a day into the record of a project's expiry.
func (p Project) record(text, key string, on time.Time) (plan.Step, error) {
	return p.edit(text, recorded(key, on))
}

// edit is the step that edits a project's compose.yaml.
func (p Project) edit(text string, change func(*composefile.File) error) (plan.Step, error) {
	return editFile(filepath.Join(p.Dir, ComposeFile), text, change)
}

// expiryPath is the place of a record of the expiry.
func expiryPath(key string) composefile.Path { return composefile.Path{"x-gateway", "expiry", key} }

// recorded writes a day into the record of the expiry. A suspension ends what an archive says: the project ran again.
func recorded(key string, on time.Time) func(*composefile.File) error {
	return func(file *composefile.File) error {
		if err := file.Set(expiryPath(key), on.Format(time.DateOnly)); err != nil || key != "suspended" {
			return err
		}
		for _, said := range []string{"archived", "archive", "sha256", "volumes"} {
			if err := file.Remove(expiryPath(said)); err != nil {
				return err
			}
		}
		return nil
	}
}

// SuspendStray stops running containers that have no project folder here and whose label says a last day that is past.
// They are kept, and nothing else is ever done with them.
type SuspendStray struct{ Stray Stray }

// Project is the name of it, by which nobody else changes it at the same time.
func (s SuspendStray) Project() Name { return Name(s.Stray.Name) }

// Plan stops the containers of the stray that run.
func (s SuspendStray) Plan(_ context.Context, o *Observed) (*Change, error) {
	if o.life.Store.Exists(o.Name) {
		return nil, fmt.Errorf("%s has a project folder by now; run the command again", o.Name)
	}
	l := o.life
	c := &Change{Plan: plan.Plan{Verb: "suspend"}, Fix: s.Stray.Fix(), Undone: s.Stray.Name + " runs as before"}
	for _, container := range s.Stray.Containers {
		if !runs(container) {
			continue
		}
		c.Steps = append(c.Steps, plan.Step{
			Text: "stop container " + container.Name + ", and keep it",
			Do: func(ctx context.Context) error {
				if err := keepRunning(ctx, l.Engine, container.ID, false); err != nil {
					return err
				}
				return l.Engine.Stop(ctx, container.ID)
			},
			Undo: []plan.Action{{Kind: startOnly, Names: []string{container.ID}}},
		})
	}
	return c, nil
}

// startOnly starts containers by their ids, those that are still there.
func (l Life) startOnly(ctx context.Context, ids []string) error {
	found, err := l.Engine.Containers(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(found, func(c docker.Container) bool { return c.ID == id }) {
			continue
		}
		if err := l.Engine.Start(ctx, id); err != nil {
			return err
		}
		if err := keepRunning(ctx, l.Engine, id, true); err != nil {
			return err
		}
	}
	return nil
}
