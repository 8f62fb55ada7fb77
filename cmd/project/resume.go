package project

import (
	"context"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
)

func newResume(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "resume NAME|PATH",
		Short: "Resume a paused project",
		Long: "Ends the pause of all routes of a project or a container, or of one route. Queued requests continue in order.\n" +
			"Safe to run again. A paused route without a container is resumed by its path.",
		Example: "  gateway resume blog\n  gateway resume /robots",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runResume(c.Context(), env, args[0]) },
	}
}

func runResume(ctx context.Context, env *cli.Env, name string) error {
	return onRoutes(ctx, env, name, func(gateway *admin.Client, key string) error {
		was, err := gateway.Resume(ctx, key)
		switch {
		case err != nil:
			return err
		case was.Since.IsZero():
			env.Notef("%s was not paused\n", key)
		case was.Waiting == 1:
			env.Donef("%s is resumed; 1 request waited\n", key)
		default:
			env.Donef("%s is resumed; %d requests waited\n", key, was.Waiting)
		}
		return nil
	})
}
