package project

import (
	"context"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newUpdate(env *cli.Env) *cobra.Command {
	var dryRun, asJSON bool
	c := &cobra.Command{
		Use:   "update NAME",
		Short: "Install newer images of a project",
		Long: "Asks the registries for newer images of a project's services, pulls them, and replaces the containers of these\n" +
			"services alone. Returns when the routes answer; if it fails, the previous images run again. Images that are\n" +
			"built here or whose digest is fixed stay. To update gateway itself, install the new binary and run 'gateway up'.",
		Example: "  gateway update blog --dry-run\n  gateway update blog",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return env.ChangeProject(c.Context(), args[0], func(ctx context.Context, s *cli.Session, p projects.Project) error {
				return runUpdate(ctx, s, p.Name, dryRun, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show the newer images, and pull nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// updated is the output of `update --json`.
type updated struct {
	// Images are the services that have a newer image.
	Images []projects.ImageUpdate `json:"images"`
	Steps  []string               `json:"steps"`
	Notes  []string               `json:"notes,omitempty"`
}

func runUpdate(ctx context.Context, s *cli.Session, name projects.Name, dryRun, asJSON bool) error {
	life, err := life(s)
	if err != nil {
		return err
	}
	var c *projects.Change
	if dryRun {
		if c, err = life.DryRun(ctx, projects.Update{Name: name}); err == nil {
			tell(s.Env, c.Notes)
		}
	} else {
		life.Planned = func(c *projects.Change) error {
			tell(s.Env, c.Notes)
			if !asJSON {
				return s.Env.Plan(c.Texts(), false)
			}
			return nil
		}
		c, err = life.Do(ctx, projects.Update{Name: name})
		s.Progress.End()
	}
	if err != nil {
		return err
	}
	if asJSON {
		return s.Env.JSON(updated{append([]projects.ImageUpdate{}, c.Images...), c.Texts(), c.Notes})
	}
	switch {
	case len(c.Images) == 0:
		s.Env.Notef("project %s has the newest images\n", name)
	case dryRun:
		return s.Env.Plan(c.Texts(), false)
	default:
		s.Env.Donef("project %s is updated\n", name)
	}
	return nil
}
