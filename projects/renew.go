package projects

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gateway/projects/compose"
	"gateway/projects/composefile"
	"gateway/projects/plan"
	"gateway/proxy/label"
)

// Renew changes when a project expires: in its compose.yaml, and in the labels that repeat it.
type Renew struct {
	Name Name
	// Until is the last day, zero for a project that does not expire.
	Until time.Time
}

// Project is the one to renew.
func (r Renew) Project() Name { return r.Name }

// Plan edits what says the expiry. A project that runs is deployed, so that the gateway's table says the same.
func (r Renew) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, err := o.Load()
	if err != nil {
		return nil, err
	}
	c := &Change{
		Plan: plan.Plan{Verb: "renew"}, Project: p, Fix: "gateway deploy " + string(r.Name),
		Undone: fmt.Sprintf("project %s expires as before", r.Name),
	}
	running, err := o.ours(ctx)
	if err != nil {
		return nil, err
	}
	files := []string{filepath.Join(p.Dir, ComposeFile)}
	if routes := p.routesFile(); routes != files[0] {
		files = append(files, routes)
	}
	for _, file := range files {
		write, err := r.write(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		c.Steps = append(c.Steps, write)
	}
	if !running.runs() {
		return c, nil
	}
	if c.Notes, err = o.CheckPolicy(ctx, compose.Subject{Dir: p.Dir}); err != nil {
		return nil, err
	}
	deploy, err := o.Up(ctx, p, compose.UpOptions{})
	c.Steps = append(c.Steps, deploy)
	return c, err
}

// write is the step that edits one of the project's files.
func (r Renew) write(path string) (plan.Step, error) {
	before, err := os.ReadFile(path)
	if err != nil {
		return plan.Step{}, err
	}
	file, err := composefile.Parse(before)
	if err != nil {
		return plan.Step{}, err
	}
	// A label may refer to the project's expiry, so that it goes first and comes last.
	var places []composefile.Path
	for _, service := range file.Keys("services") {
		labels := composefile.Path{"services", service, "labels"}
		_, published := file.Get(append(labels, label.Path)...)
		if _, says := file.Get(append(labels, label.Expires)...); says || published {
			places = append(places, append(labels, label.Expires))
		}
	}
	if filepath.Base(path) == ComposeFile {
		places = append(places, composefile.Path{"x-gateway", "expires"})
	}
	text := "remove the expiry from " + filepath.Base(path)
	if !r.Until.IsZero() {
		text = fmt.Sprintf("write expiry %s in %s", r.Until.Format(time.DateOnly), filepath.Base(path))
		slices.Reverse(places)
	}
	for _, place := range places {
		if r.Until.IsZero() {
			err = file.Remove(place)
		} else {
			err = file.Set(place, r.Until.Format(time.DateOnly))
		}
		if err != nil {
			return plan.Step{}, err
		}
	}
	write := plan.WriteFile(path, before, file.Bytes())
	write.Text = text
	return write, nil
}
