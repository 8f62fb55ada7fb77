package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"gateway/projects"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

func newStart(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "start NAME",
		Short: "Start a project that was stopped",
		Long: "Starts the containers that a project has, as they were when it was stopped, and returns when its routes\n" +
			"answer. A second run is fine. What was edited meanwhile comes into force with 'gateway deploy'.",
		Example: "  gateway start robots",
		Args:    usage(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runStart(c.Context(), env, args[0]) },
	}
}

func runStart(ctx context.Context, env *Env, arg string) error {
	return env.onProject(ctx, arg, startProject)
}

func startProject(ctx context.Context, w *workshop, name projects.Name) error {
	running, err := projects.Look(ctx, w.engine, name)
	if err != nil {
		return err
	}
	if len(running.Containers) == 0 {
		return fmt.Errorf("project %s has no containers to start; make them with: gateway deploy %s", name, name)
	}
	if err := w.compose.Start(ctx, string(name)); err != nil {
		return projects.Explain(ctx, w.engine, name, err)
	}
	if err := projects.KeepRunning(ctx, w.engine, name, true); err != nil {
		return projects.Explain(ctx, w.engine, name, err)
	}
	// What was started is what the containers say, whatever the folder says by now.
	var keys []route.Key
	for _, c := range running.Containers {
		claims, _ := label.Parse(c.Labels)
		for _, claim := range claims {
			keys = append(keys, claim.Key)
		}
	}
	if err := w.ready(ctx, name, keys); err != nil {
		return projects.Explain(ctx, w.engine, name, err)
	}
	w.progress.end()
	w.env.notef("project %s is started\n", name)
	return nil
}

// onProject does something to a project that is there, while nobody else does.
func (e *Env) onProject(ctx context.Context, arg string, do func(context.Context, *workshop, projects.Name) error) error {
	w, err := e.workshop()
	if err != nil {
		return err
	}
	defer w.close()
	name, unlock, err := w.own(ctx, arg)
	if err != nil {
		return err
	}
	defer unlock()
	return do(ctx, w, name)
}

// own reads the name of a project that is there and locks it.
func (w *workshop) own(ctx context.Context, arg string) (projects.Name, func(), error) {
	name, err := w.known(ctx, arg)
	if err != nil {
		return "", nil, err
	}
	if err := projects.Own(ctx, w.engine, w.store, name); err != nil {
		return "", nil, err
	}
	unlock, err := w.store.Lock(ctx, name)
	return name, unlock, err
}
