package project

import (
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newStop(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "stop NAME",
		Short: "Stop a project without removing it",
		Long: "Stops the containers of a project, also across restarts of the machine. Its path stays reserved, and clients get\n" +
			"a 503 page that says so. Safe to run again.",
		Example: "  gateway stop robots",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return changeExisting(c.Context(), env, args[0], "stopped; start it again with: gateway start "+args[0], func(name projects.Name) projects.Verb { return projects.Stop{Name: name} })
		},
	}
}
