package project

import (
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newRestart(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "restart NAME",
		Short: "Restart a project's containers",
		Long: "Stops the containers of a project and starts them again as they were created; stopped ones are started too.\n" +
			"Returns when the routes answer. To apply edits of compose.yaml, use 'gateway deploy'.",
		Example: "  gateway restart blog",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return changeExisting(c.Context(), env, args[0], "restarted", func(name projects.Name) projects.Verb { return projects.Restart{Name: name} })
		},
	}
}
