package project

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

func newStart(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "start NAME",
		Short: "Start a project that was stopped",
		Long: "Starts the containers that a project has, as they were when it was stopped, and returns when its routes\n" +
			"answer. A second run is fine. What was edited meanwhile comes into force with 'gateway deploy'.",
		Example: "  gateway start robots",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runStart(c.Context(), env, args[0]) },
	}
}

func runStart(ctx context.Context, env *cli.Env, arg string) error {
	return onProject(ctx, env, arg, startProject)
}

func startProject(ctx context.Context, s *cli.Session, name projects.Name) error {
	running, err := projects.Look(ctx, s.Engine, name)
	if err != nil {
		return err
	}
	if len(running.Containers) == 0 {
		return fmt.Errorf("project %s has no containers to start; make them with: gateway deploy %s", name, name)
	}
	compose, err := s.Compose()
	if err != nil {
		return err
	}
	if err := compose.Start(ctx, string(name)); err != nil {
		return projects.Explain(ctx, s.Engine, name, err)
	}
	if err := projects.KeepRunning(ctx, s.Engine, name, true); err != nil {
		return projects.Explain(ctx, s.Engine, name, err)
	}
	// What was started is what the containers say, whatever the folder says by now.
	var keys []route.Key
	for _, c := range running.Containers {
		claims, _ := label.Parse(c.Labels)
		for _, claim := range claims {
			keys = append(keys, claim.Key)
		}
	}
	if err := routesReady(ctx, s, name, keys); err != nil {
		return projects.Explain(ctx, s.Engine, name, err)
	}
	s.Progress.End()
	s.Env.Notef("project %s is started\n", name)
	return nil
}

// onProject does something to a project that is there, while nobody else does.
func onProject(ctx context.Context, e *cli.Env, arg string, do func(context.Context, *cli.Session, projects.Name) error) error {
	s, err := e.Session()
	if err != nil {
		return err
	}
	defer s.Close()
	name, unlock, err := own(ctx, s, arg)
	if err != nil {
		return err
	}
	defer unlock()
	return do(ctx, s, name)
}

// own reads the name of a project that is there and locks it.
func own(ctx context.Context, s *cli.Session, arg string) (projects.Name, func(), error) {
	name, err := s.Known(ctx, arg)
	if err != nil {
		return "", nil, err
	}
	if err := projects.Own(ctx, s.Engine, s.Store, name); err != nil {
		return "", nil, err
	}
	unlock, err := s.Store.Lock(ctx, name)
	return name, unlock, err
}
