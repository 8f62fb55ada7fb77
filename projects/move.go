package projects

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gateway/projects/tree"
	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/templates"
)

// MoveRequest is a project that somebody wants at another path.
type MoveRequest struct {
	Name Name
	To   route.Prefix
	// From is the path to leave. It may be nil for a project with one route. When the project has left it already, what is
	// to be done after a move is done again.
	From *route.Prefix
	// Template is the project's; nil when there is none of its name any more.
	Template *templates.Template
	// Routes are the keys in the running table.
	Routes []Taken
}

// Mover moves projects to other paths.
type Mover struct {
	Life
	// Run runs a command in a container and returns what it wrote.
	Run func(ctx context.Context, container string, command []string) (string, error)
}

// Relocation is the plan of a move.
type Relocation struct {
	Name     Name
	From, To route.Key
	// Places is how many places of compose.yaml change; 0 when it has moved already.
	Places int
	// Then is what is run once it is served, empty for nothing.
	Then []string

	project  Project
	old, new []byte
	service  string
}

// Plan decides whether and how a project moves, and does nothing. Only what holds the path is edited in its
// compose.yaml; what people edited by hand stays, and is a reason to refuse where it is about the path.
func (l Mover) Plan(ctx context.Context, r MoveRequest) (Relocation, error) {
	p, err := l.Store.Load(r.Name)
	if err != nil {
		return Relocation{}, err
	}
	m := Relocation{Name: r.Name, project: p}
	done, err := m.find(p, r)
	if err != nil {
		return Relocation{}, err
	}
	if r.Template != nil && r.Template.Move != nil {
		m.service = r.Template.Move.Service
		m.Then = append(slices.Clone(r.Template.Move.Run), m.From.Prefix.String(), m.To.Prefix.String())
	}
	running, err := Look(ctx, l.Engine, r.Name)
	if err != nil {
		return Relocation{}, err
	}
	folders, err := l.Store.look(r.Name, 0)
	if err != nil {
		return Relocation{}, err
	}
	facts := Facts{Routes: r.Routes, folders: folders}
	reasons := []error{running.foreign(r.Name, p.Dir), free(m.To, r.Name, facts.taken())}
	if r.Template != nil {
		reasons = append(reasons, pathFits(*r.Template, m.To))
	}
	if err := refuse(reasons...); err != nil || done {
		return m, err
	}
	return m, m.edit(r.Template)
}

// find decides which route moves. It reports whether it has moved already.
func (m *Relocation) find(p Project, r MoveRequest) (done bool, err error) {
	var keys []string
	found := false
	for _, claim := range p.Claims {
		keys = append(keys, claim.Key.String())
		if r.From == nil || claim.Key.Prefix == *r.From {
			m.From, found = claim.Key, true
		}
		if claim.Key.Prefix == r.To {
			m.To, done = claim.Key, true
		}
	}
	switch {
	case len(keys) == 0:
		return false, fmt.Errorf("project %s has no route; give its service the label %s, then: gateway deploy %s", r.Name, label.Path, r.Name)
	case done && (r.From == nil || *r.From == r.To):
		return false, fmt.Errorf("project %s is at %s already; if it does not answer there, finish what was interrupted: gateway deploy %s, or gateway move %s --path %s --from OLD-PATH", r.Name, m.To, r.Name, r.Name, r.To)
	case done && !found:
		m.From = route.Key{Host: m.To.Host, Prefix: *r.From}
		return true, nil
	case done:
		return false, fmt.Errorf("path %s is taken by project %s itself; choose another path", m.To, r.Name)
	case r.From == nil && len(keys) > 1:
		return false, fmt.Errorf("project %s has the routes %s; say which one is to move, such as --from %s", r.Name, strings.Join(keys, ", "), p.Claims[0].Key.Prefix)
	case !found:
		return false, fmt.Errorf("project %s has no route at %s; it has %s", r.Name, r.From, strings.Join(keys, ", "))
	}
	m.To = route.Key{Host: m.From.Host, Prefix: r.To}
	return false, nil
}

// edit makes the new compose.yaml.
func (m *Relocation) edit(t *templates.Template) error {
	file := m.project.routesFile()
	var err error
	if m.old, err = os.ReadFile(file); err != nil {
		return fmt.Errorf("reading project %s: %w", m.Name, err)
	}
	byHand := fmt.Sprintf("edit the path in the file by hand, then: gateway deploy %s", m.Name)
	changes, err := m.changes(t)
	if err != nil {
		return fmt.Errorf("template %s: %w; %s", m.project.Template, err, byHand)
	}
	if m.new, m.Places, err = edit(m.old, changes); err != nil {
		return fmt.Errorf("%s: %w; %s", file, err, byHand)
	}
	doc, err := m.project.withRoutes(m.new)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, claim := range doc.Claims {
		if claim.Key == m.To {
			m.project.Document = doc
			return nil
		}
	}
	return fmt.Errorf("%s: where it says %s was not found; %s", file, m.From, byHand)
}

// changes are the places that hold the path: as the template says, by what differs between two paths, and for a project
// without one the labels.
func (m *Relocation) changes(t *templates.Template) ([]change, error) {
	from, to := m.From.Prefix.String(), m.To.Prefix.String()
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
	return differences(texts[0], texts[1])
}

// Steps says what will be done, one line each.
func (m Relocation) Steps() []string {
	var steps []string
	if m.Places > 0 {
		steps = append(steps, fmt.Sprintf("write %s in place of %s at %d places of %s", m.To.Prefix, m.From.Prefix, m.Places, filepath.Base(m.project.routesFile())))
	}
	steps = append(steps, fmt.Sprintf("deploy project %s", m.Name), fmt.Sprintf("wait until %s answers", m.To))
	if len(m.Then) > 0 {
		steps = append(steps, fmt.Sprintf("run in service %s: %s", m.service, strings.Join(m.Then, " ")))
	}
	return steps
}

// Move moves a project and returns when it is served at its new path. When it cannot be deployed there the old file comes
// back and is deployed; when that fails too the error wraps a *Leftover. What the template wants run afterwards can be
// run again by the same move, with From.
func (l Mover) Move(ctx context.Context, r MoveRequest) (Relocation, string, error) {
	unlock, err := l.Store.Lock(ctx, r.Name)
	if err != nil {
		return Relocation{}, "", err
	}
	defer unlock()
	m, err := l.Plan(ctx, r)
	if err != nil {
		return m, "", err
	}
	file := m.project.routesFile()
	if m.Places > 0 {
		if err := tree.ReplaceFile(file, m.new); err != nil {
			return m, "", fmt.Errorf("writing %s: %w", file, diskFull(err))
		}
	}
	if err := l.up(ctx, m.project, false); err != nil {
		return m, "", l.unmove(ctx, m, err)
	}
	if len(m.Then) == 0 {
		return m, "", nil
	}
	said, err := l.after(ctx, m)
	if err != nil {
		err = fmt.Errorf("project %s is served at %s, but: %w; run it again with: gateway move %s --path %s --from %s",
			m.Name, m.To, err, m.Name, m.To.Prefix, m.From.Prefix)
	}
	return m, said, err
}

// unmove brings the old file back and runs it.
func (l Mover) unmove(ctx context.Context, m Relocation, cause error) error {
	if m.Places == 0 {
		return cause
	}
	ctx, cancel := l.afterwards(ctx, m.Name)
	defer cancel()
	if err := tree.ReplaceFile(m.project.routesFile(), m.old); err != nil {
		return left(cause, "bringing the old %s of project %s back: %w; write %s into it again, then: gateway deploy %s",
			filepath.Base(m.project.routesFile()), m.Name, err, m.From.Prefix, m.Name)
	}
	if err := l.run(ctx, m.project.Dir, m.Name, false); err != nil {
		return left(cause, "starting project %s at %s again: %w; mend with: gateway deploy %s", m.Name, m.From, err, m.Name)
	}
	return cause
}

// after runs what the template wants run in a container of its service.
func (l Mover) after(ctx context.Context, m Relocation) (string, error) {
	running, err := Look(ctx, l.Engine, m.Name)
	if err != nil {
		return "", err
	}
	for _, c := range running.Containers {
		if c.Labels[composeService] == m.service && c.State == "running" {
			return l.Run(ctx, c.ID, m.Then)
		}
	}
	return "", fmt.Errorf("service %s has no container that runs", m.service)
}
