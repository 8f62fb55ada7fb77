package project

import (
	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects/policy"
)

func newPolicy(env *cli.Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "policy",
		Short: "List the policy rules for projects",
		Long: "Lists the rules that gateway add and gateway deploy check a compose.yaml against, by the names that --trust takes.\n" +
			"--trust cannot lift the rules that are marked with a star.",
		Example: "  gateway policy\n  gateway deploy shop --trust ports,mounts",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return runPolicy(env, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runPolicy(env *cli.Env, asJSON bool) error {
	if asJSON {
		return env.JSON(struct {
			Rules []policy.Doc `json:"rules"`
		}{policy.Rules()})
	}
	for _, d := range policy.Rules() {
		star := ""
		if d.Fixed {
			star = " *"
		}
		env.Printf("%s%s\n  refuses: %s\n  because: %s\n  fix: %s\n", string(d.Name), star, d.Refuses, d.Why, d.Fix)
	}
	return nil
}
