package projects

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/projects/compose"
	"gateway/projects/composefile"
	"gateway/projects/plan"
	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/templates"
)

// Move moves a project to another path. Only what holds the path is edited in its compose.yaml; what people edited by
// hand stays, and is a reason to refuse where it is about the path.
type Move struct {
	Name Name
	To   route.Prefix
	// From is the path to leave. It may be nil for a project with one route. When the project has left it already, what is
	// to be done after a move is done again.
	From *route.Prefix
	// Redirect is the last day on which requests to the old path are redirected to the new one; zero for no redirect.
	Redirect time.Time
	// Template finds the project's template by its name.
	Template func(name string) (templates.Template, error)
}

// Project is the one to move.
func (r Move) Project() Name { return r.Name }

// move is a Move under way.
type move struct {
	Move
	project  Project
	template *templates.Template
	from, to route.Key
	old, new []byte
	// places is how many places of the file change; 0 when it has moved already.
	places int
}

// Plan decides whether and how the project moves.
func (r Move) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, err := o.Load()
	if err != nil {
		return nil, err
	}
	m := move{Move: r, project: p}
	if err := m.knowTemplate(); err != nil {
		return nil, err
	}
	done, err := m.find()
	if err != nil {
		return nil, err
	}
	running, err := o.Running(ctx)
	if err != nil {
		return nil, err
	}
	taken, err := o.Taken(ctx)
	if err != nil {
		return nil, err
	}
	reasons := []error{running.foreign(r.Name, p.Dir), free(m.to, r.Name, taken)}
	if m.template != nil {
		reasons = append(reasons, pathFits(*m.template, m.to))
	}
	if err := refuse(reasons...); err != nil {
		return nil, err
	}
	// The path that it moves to is chosen for it, and the one that it leaves need not be its own.
	notes, err := o.CheckPolicy(ctx, compose.Subject{Dir: p.Dir}, m.from, m.to)
	if err != nil {
		return nil, err
	}
	if !done {
		if err := m.edit(); err != nil {
			return nil, err
		}
	}
	c, err := m.change(ctx, o)
	if err == nil {
		c.Notes = notes
	}
	return c, err
}

// knowTemplate finds the project's template, when it has one.
func (m *move) knowTemplate() error {
	if m.project.Template == "" {
		return nil
	}
	t, err := templateOf(m.project, m.Template)
	if err != nil {
		return err
	}
	m.template = &t
	return nil
}

// afterwards is the command of the template that is run after a move.
func (m *move) afterwards() []string {
	return append(slices.Clone(m.template.Move.Run), m.from.Prefix.String(), m.to.Prefix.String())
}

// find decides which route moves. It reports whether it has moved already.
func (m *move) find() (done bool, err error) {
	p, r := m.project, m.Move
	var keys []string
	found := false
	for _, claim := range p.Claims {
		keys = append(keys, claim.Key.String())
		if r.From == nil || claim.Key.Prefix == *r.From {
			m.from, found = claim.Key, true
		}
		if claim.Key.Prefix == r.To {
			m.to, done = claim.Key, true
		}
	}
	switch {
	case len(keys) == 0:
		return false, fmt.Errorf("project %s has no route; give its service the label %s, then: gateway deploy %s", r.Name, label.Path, r.Name)
	case done && (r.From == nil || *r.From == r.To):
		return false, fmt.Errorf("project %s is at %s already; if it does not answer there, finish what was interrupted: gateway deploy %s, or gateway move %s --path %s --from OLD-PATH", r.Name, m.to, r.Name, r.Name, r.To)
	case done && !found:
		m.from = route.Key{Host: m.to.Host, Prefix: *r.From}
		return true, nil
	case done:
		return false, fmt.Errorf("path %s is taken by project %s itself; choose another path", m.to, r.Name)
	case r.From == nil && len(keys) > 1:
		return false, fmt.Errorf("project %s has the routes %s; say which one is to move, such as --from %s", r.Name, strings.Join(keys, ", "), p.Claims[0].Key.Prefix)
	case !found:
		return false, fmt.Errorf("project %s has no route at %s; it has %s", r.Name, r.From, strings.Join(keys, ", "))
	}
	m.to = route.Key{Host: m.from.Host, Prefix: r.To}
	return false, nil
}

// edit makes the new compose.yaml.
func (m *move) edit() error {
	file := m.project.routesFile()
	var err error
	if m.old, err = os.ReadFile(file); err != nil {
		return fmt.Errorf("reading project %s: %w", m.Name, err)
	}
	byHand := fmt.Sprintf("edit the path in the file by hand, then: gateway deploy %s", m.Name)
	changes, err := m.changes()
	if err != nil {
		return fmt.Errorf("template %s: %w; %s", m.project.Template, err, byHand)
	}
	if m.new, m.places, err = edit(m.old, changes); err != nil {
		return fmt.Errorf("%s: %w; %s", file, err, byHand)
	}
	if m.new, err = redirect(m.new, m.from.Prefix, m.to.Prefix, m.Redirect); err != nil {
		return fmt.Errorf("%s: %w; %s", file, err, byHand)
	}
	doc, err := m.project.withRoutes(m.new)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, claim := range doc.Claims {
		if claim.Key == m.to {
			m.project.Document = doc
			return nil
		}
	}
	if wrong := doc.wrong(); len(wrong) > 0 {
		return refuse(wrong...)
	}
	return fmt.Errorf("%s: where it says %s was not found; %s", file, m.from, byHand)
}

// changes are the places that hold the path: as the template says, by what differs between two paths, and for a project
// without one the labels.
func (m *move) changes() ([]change, error) {
	t := m.template
	from, to := m.from.Prefix.String(), m.to.Prefix.String()
	if t == nil || m.project.imported {
		return labelChanges(m.old, from, to), nil
	}
	var texts [2][]byte
	for i, path := range []string{from, to} {
		files, err := t.Render(templates.Project{
			Name: string(m.Name), Path: path, Host: "example.org", Owner: "owner", Created: "2026-01-01", Expires: "2026-12-31",
			Subnet: "10.0.0.0/27", Backend: "10.0.0.32/27",
		}, t.Samples())
		if err != nil {
			return nil, err
		}
		texts[i] = files[ComposeFile]
	}
	all, err := differences(texts[0], texts[1])
	return checksBelow(all, m.old, strings.TrimSuffix(from, "/"), strings.TrimSuffix(to, "/")), err
}

// checksBelow are changes that also move a health check to another path than the template's: that of an earlier version of
// it, or of somebody who edited the file.
func checksBelow(all []change, text []byte, from, to string) []change {
	file, err := composefile.Parse(text)
	if err != nil {
		return all // Whoever edits it says so.
	}
	for s := range file.Scalars() {
		name, value, _ := labelOf(s)
		rest, below := strings.CutPrefix(value, escapeLabel(from)+"/")
		if name != label.HealthPath || !below {
			continue
		}
		keys := keysOf(append(slices.Clone(s.Path[:3]), name))
		for i, c := range all {
			if c.keys == keys {
				all[i] = change{keys, value, escapeLabel(to) + "/" + rest}
			}
		}
	}
	return all
}

// change makes the plan.
func (m *move) change(ctx context.Context, o *Observed) (*Change, error) {
	c := &Change{
		Plan: plan.Plan{Verb: "move"}, Project: m.project, Fix: "gateway deploy " + string(m.Name),
		Undone: fmt.Sprintf("project %s is at %s as before", m.Name, m.from),
	}
	if m.places > 0 {
		file, places := m.project.routesFile(), "1 place"
		if m.places > 1 {
			places = fmt.Sprintf("%d places", m.places)
		}
		write := plan.WriteFile(file, m.old, m.new)
		write.Text = fmt.Sprintf("write %s in place of %s at %s of %s", m.to.Prefix, m.from.Prefix, places, filepath.Base(file))
		c.Steps = append(c.Steps, write)
		if !m.Redirect.IsZero() {
			c.Steps = append(c.Steps, plan.Step{Text: fmt.Sprintf("redirect %s to %s until %s", m.from, m.to, m.Redirect.Format(time.DateOnly))})
		}
	}
	if err := o.Up(ctx, c, compose.UpOptions{}); err != nil {
		return nil, err
	}
	c.Steps = append(c.Steps, plan.Step{Text: fmt.Sprintf("wait until %s answers", m.to)})
	if m.template == nil || m.template.Move == nil {
		return c, nil
	}
	command := m.afterwards()
	c.Steps = append(c.Steps, plan.Step{Text: fmt.Sprintf("run in service %s: %s", m.template.Move.Service, strings.Join(command, " "))})
	c.Then = func(ctx context.Context) error {
		said, err := o.life.runIn(ctx, m.Name, m.template.Move.Service, command)
		if c.Said = said; err != nil {
			return fmt.Errorf("project %s is served at %s, but: %w; run it again with: gateway move %s --path %s --from %s",
				m.Name, m.to, err, m.Name, m.to.Prefix, m.from.Prefix)
		}
		return nil
	}
	return c, nil
}

// maxOutput bounds what of a command's output is kept.
const maxOutput = 1 << 20

// runIn runs a command in a container of a service that runs, and returns what it wrote.
func (l Life) runIn(ctx context.Context, name Name, service string, command []string) (string, error) {
	running, err := Look(ctx, l.Engine, name)
	if err != nil {
		return "", err
	}
	for _, c := range running.Containers {
		if c.Labels[composeService] == service && c.State == "running" {
			var said []byte
			err := l.exec(ctx, c.ID, command, func(conn net.Conn) (err error) {
				said, err = io.ReadAll(io.LimitReader(conn, maxOutput))
				return err
			})
			return string(said), err
		}
	}
	return "", fmt.Errorf("service %s has no container that runs", service)
}
