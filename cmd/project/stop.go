package project

import (
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newStop(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "stop NAME",
		Short: "Stop a project's containers and keep them",
		Long: "Stops the containers of a project. It keeps its path, where clients are told that it is stopped. Safe to run\n" +
			"again. It stays stopped when the machine or the engine starts again.",
		Example: "  gateway stop robots",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return change(c.Context(), env, args[0], "stopped; start it again with: gateway start "+args[0], func(name projects.Name) projects.Verb { return projects.Stop{Name: name} })
		},
	}
}
