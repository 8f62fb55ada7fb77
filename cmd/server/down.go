package server

import (
	"context"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/docker"
	"gateway/proxy/stack"
)

func newDown(env *cli.Env) *cobra.Command {
	var purge bool
	c := &cobra.Command{
		Use:   "down",
		Short: "Stop the gateway; projects keep running",
		Long: "Stops and removes the proxy and the agent. Projects keep running, and are reachable again after\n" +
			"'gateway up'. Safe to run again.",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return env.OnEngine(func(client *docker.Client) error { return runDown(c.Context(), env, client, purge) })
		},
	}
	c.Flags().BoolVar(&purge, "purge", false, "also remove the last good table and the gateway's images")
	return c
}

func runDown(ctx context.Context, env *cli.Env, client *docker.Client, purge bool) error {
	removed, err := stack.Down(ctx, client, purge)
	for _, name := range removed {
		env.Notef("removed %s\n", name)
	}
	if err != nil {
		return err
	}
	if len(removed) == 0 {
		env.Notef("there was no gateway to stop\n")
		return nil
	}
	env.Resultf("the gateway is down\n")
	return nil
}
