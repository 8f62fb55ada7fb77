package projects

import (
	"context"
	"fmt"

	"gateway/proxy/label"
	"gateway/proxy/route"
)

// Restart ends the containers of a project that is there, starts them again as they were created, and returns when its
// routes are served. Nobody else changes the project meanwhile. Containers that were stopped are started too, and all of
// them keep running from then on as after a start. The folder is not read: what was edited is deployed by Deploy. An
// interrupt leaves no container down that ran before, since the engine does both halves of a restart by itself.
func (l Life) Restart(ctx context.Context, name Name) error {
	if err := Own(ctx, l.Engine, l.Store, name); err != nil {
		return err
	}
	unlock, err := l.Store.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	running, err := Look(ctx, l.Engine, name)
	if err != nil {
		return err
	}
	if len(running.Containers) == 0 {
		return fmt.Errorf("project %s has no containers to restart; make them with: gateway deploy %s", name, name)
	}
	err = l.Compose.Restart(ctx, string(name))
	if err == nil {
		err = KeepRunning(ctx, l.Engine, name, true)
	}
	if err == nil {
		err = l.Ready(ctx, name, running.keys())
	}
	return Explain(ctx, l.Engine, name, err)
}

// keys are those that the labels of the containers claim, whatever the folder says by now.
func (r Running) keys() []route.Key {
	var keys []route.Key
	for _, c := range r.Containers {
		claims, _ := label.Parse(c.Labels)
		for _, claim := range claims {
			keys = append(keys, claim.Key)
		}
	}
	return keys
}
