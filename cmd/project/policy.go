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
		Short: "List the rules that projects are held to",
		Long: "Lists what a project's compose.yaml may not ask of the machine, by the names that --trust takes: gateway add and\n" +
			"gateway deploy refuse it with file, line, rule and fix. Those marked with a star cannot be trusted away.",
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
	w := env.Table()
	w.Row("RULE\tREFUSES\tWHY\tFIX")
	for _, d := range policy.Rules() {
		name := string(d.Name)
		if d.Fixed {
			name += " *"
		}
		w.Row("%s\t%s\t%s\t%s", name, d.Refuses, d.Why, d.Mend)
	}
	return w.Flush("the rules")
}
