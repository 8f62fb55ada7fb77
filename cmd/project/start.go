package project

import (
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newStart(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "start NAME",
		Short: "Start a stopped project",
		Long: "Starts the containers of a stopped project, and returns when its routes answer. Safe to run again. To apply\n" +
			"changes of compose.yaml, use 'gateway deploy'.",
		Example: "  gateway start robots",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return changeExisting(c.Context(), env, args[0], "started", func(name projects.Name) projects.Verb { return projects.Start{Name: name} })
		},
	}
}
