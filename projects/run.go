package projects

import (
	"context"
	"fmt"
	"time"

	"gateway/projects/plan"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// Start starts the containers that a project has, as they were created, and returns when its routes are served. The
// folder is not read: what was edited is deployed by Deploy. An app that does not come up is left as it is, to be looked at.
type Start struct{ Name Name }

// Project is the one to start.
func (s Start) Project() Name { return s.Name }

// Plan refuses a project without containers, and one of another folder.
func (s Start) Plan(ctx context.Context, o *Observed) (*Change, error) {
	return o.begin(ctx, "start", o.life.Compose.Start)
}

// Restart ends the containers of a project and starts them again, those that were stopped too, as they were created. An
// interrupt leaves no container down that ran before, since the engine does both halves of a restart by itself.
type Restart struct{ Name Name }

// Project is the one to restart.
func (r Restart) Project() Name { return r.Name }

// Plan refuses a project without containers, and one of another folder.
func (r Restart) Plan(ctx context.Context, o *Observed) (*Change, error) {
	return o.begin(ctx, "restart", o.life.Compose.Restart)
}

// begin plans to start all containers of the project, and to restart them with the engine.
func (o *Observed) begin(ctx context.Context, verb string, do func(ctx context.Context, name string) error) (*Change, error) {
	running, err := o.ours(ctx)
	if err != nil {
		return nil, err
	}
	if p, err := o.Load(); err == nil && !p.Expiry.Suspended.IsZero() {
		return nil, fmt.Errorf("project %s is suspended since %s, as its term is over; renew it: gateway renew %s", o.Name, p.Expiry.Suspended.Format(time.DateOnly), o.Name)
	}
	if len(running.Containers) == 0 {
		return nil, fmt.Errorf("project %s has no containers to %s; make them with: gateway deploy %s", o.Name, verb, o.Name)
	}
	l, keys := o.life, running.keys()
	return &Change{Plan: plan.Plan{Verb: verb, Steps: []plan.Step{
		{Text: fmt.Sprintf("%s the containers of project %s", verb, o.Name), Do: l.explained(o.Name, func(ctx context.Context) error {
			if err := do(ctx, string(o.Name)); err != nil {
				return err
			}
			return KeepRunning(ctx, l.Engine, o.Name, true)
		})},
		{Text: "wait until its routes answer", Do: l.explained(o.Name, func(ctx context.Context) error { return l.Ready(ctx, o.Name, keys) })},
	}}, Keys: keys}, nil
}

// Stop ends the containers of a project and keeps them, until they are started again.
type Stop struct{ Name Name }

// Project is the one to stop.
func (s Stop) Project() Name { return s.Name }

// Plan refuses a project of another folder. First the containers are told to rest, so that no engine starts them again.
func (s Stop) Plan(ctx context.Context, o *Observed) (*Change, error) {
	running, err := o.ours(ctx)
	if err != nil {
		return nil, err
	}
	l := o.life
	rest := plan.Step{Do: func(ctx context.Context) error { return KeepRunning(ctx, l.Engine, s.Name, false) }}
	if running.runs() {
		rest.Undo = []plan.Action{{Kind: keep}}
	}
	return &Change{Plan: plan.Plan{Verb: "stop", Steps: []plan.Step{
		rest,
		{Text: "stop the containers of project " + string(s.Name), Do: func(ctx context.Context) error { return l.Compose.Stop(ctx, string(s.Name)) }},
	}}, Fix: "gateway stop " + string(s.Name)}, nil
}

// ours is what runs of the project, or says that it was started from a folder that is not the project's.
func (o *Observed) ours(ctx context.Context) (Running, error) {
	running, err := o.Running(ctx)
	if err == nil {
		err = running.foreign(o.Name, o.life.Store.Dir(o.Name))
	}
	return running, err
}

// keys are those that the labels of the containers claim, whatever the folder says by now.
func (r Running) keys() []route.Key { return routesOf(r.claims()) }

// claims are those of the containers.
func (r Running) claims() []label.Claim {
	var all []label.Claim
	for _, c := range r.Containers {
		claims, _ := label.Parse(c.Labels)
		all = append(all, claims...)
	}
	return all
}
