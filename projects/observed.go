package projects

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"gateway/projects/policy"
	"gateway/proxy/docker"
)

// Observed is what a verb is planned from: its project's folder, the other projects, what the engine and the gateway
// have. Each is asked when it is first needed, and once. It is used by one goroutine, under the project's lock.
type Observed struct {
	Name Name
	// Repaired is the verb of an interrupted change that was repaired just now, empty for none.
	Repaired string

	life Life
	// running is what the engine has, or engine says why it cannot be asked.
	looked  bool
	running Running
	engine  error
	// routes are those of the gateway, or silent says why it cannot be asked.
	asked  bool
	routes []policy.Held
	silent error
	// others are all projects.
	listed  bool
	others  []Project
	closers []func()
}

// Store is where the projects are.
func (o *Observed) Store() Store { return o.life.Store }

// Load reads the project. The error wraps ErrNoProject when there is none.
func (o *Observed) Load() (Project, error) { return o.life.Store.Load(o.Name) }

// Running is what the engine has of the project.
func (o *Observed) Running(ctx context.Context) (Running, error) {
	if !o.looked {
		o.running, o.engine = Look(ctx, o.life.Engine, o.Name)
		o.looked = true
	}
	return o.running, o.engine
}

// Projects are all that have a folder, this one among them.
func (o *Observed) Projects() ([]Project, error) {
	if !o.listed {
		all, err := o.life.Store.List()
		if err != nil {
			return nil, err
		}
		o.others, o.listed = all, true
	}
	return o.others, nil
}

// gateway are the keys of the gateway's table. The error wraps ErrNoGateway when none runs; one that comes of the engine
// alone is none, since that is told of already.
func (o *Observed) gateway(ctx context.Context) ([]policy.Held, error) {
	if !o.asked {
		var table Table
		table, o.silent = o.life.Gateway.Table(ctx)
		o.routes = table.held()
		o.asked = true
	}
	if _, engine := o.Running(ctx); engine != nil && errors.Is(o.silent, docker.ErrUnreachable) {
		return nil, nil
	}
	return o.routes, o.silent
}

// Routes are the keys of the gateway's table; none without a gateway.
func (o *Observed) Routes(ctx context.Context) ([]policy.Held, error) {
	routes, err := o.gateway(ctx)
	if errors.Is(err, ErrNoGateway) {
		err = nil
	}
	return routes, err
}

// resting are the keys that the folders of projects ask for, since those that do not run are in no table.
func (o *Observed) resting() ([]policy.Held, error) {
	all, err := o.Projects()
	var held []policy.Held
	for _, p := range all {
		for _, key := range routesOf(slices.Concat(p.Claims, p.Redirects)) {
			held = append(held, policy.Held{Key: key, Project: string(p.Name), By: "project " + string(p.Name)})
		}
	}
	return held, err
}

// Taken are the keys that are held: by routes of the gateway, and by projects that do not run.
func (o *Observed) Taken(ctx context.Context) ([]policy.Held, error) {
	routes, err := o.Routes(ctx)
	if err != nil {
		return nil, err
	}
	resting, err := o.resting()
	return slices.Concat(routes, resting), err
}

// Scratch is a hidden folder of the project in dir for a purpose. It does not exist yet, and what is in it at the end of
// the change is removed.
func (o *Observed) Scratch(dir, purpose string) (string, error) {
	scratch := scratch(dir, purpose, o.Name)
	if err := os.RemoveAll(scratch); err != nil {
		return "", fmt.Errorf("removing what an interrupted change left: %w", err)
	}
	o.closers = append(o.closers, func() { _ = os.RemoveAll(scratch) })
	return scratch, nil
}

func scratch(dir, purpose string, name Name) string {
	return filepath.Join(dir, "."+purpose+"-"+string(name))
}

// close removes what the plan needed alone.
func (o *Observed) close() {
	for _, end := range o.closers {
		end()
	}
}
