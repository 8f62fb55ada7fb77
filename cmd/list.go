package cmd

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newList(env *Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the projects",
		Long: "Lists the projects with their paths, state, owner and last day. Containers that no project made are not\n" +
			"among them; 'gateway routes' has them too.",
		Example: "  gateway ls\n  gateway ls --json",
		Args:    usage(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return runList(c.Context(), env, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runList(ctx context.Context, env *Env, asJSON bool) error {
	w, err := env.workshop()
	if err != nil {
		return err
	}
	defer w.close()
	all, err := w.store.List()
	if err != nil {
		return err
	}
	seen := observation{}
	if len(all) > 0 {
		seen = w.observe(ctx)
	}
	views := []projectView{}
	for _, p := range all {
		views = append(views, seen.view(p, time.Now()))
	}
	if asJSON {
		return env.json(struct {
			Projects []projectView `json:"projects"`
		}{views})
	}
	if len(views) == 0 {
		env.notef("no project in %s; make one with: gateway add portfolio --path /robots\n", w.store.Root())
		return nil
	}
	if err := printList(env, views); err != nil {
		return err
	}
	for _, v := range views {
		for _, p := range v.Problems {
			env.notef("problem: %s: %s; %s\n", p.Subject, p.Message, p.Mend)
		}
	}
	for _, fault := range seen.faults {
		env.notef("states are incomplete: %s\n", hinted(fault))
	}
	return nil
}

func printList(env *Env, views []projectView) error {
	w := tabwriter.NewWriter(env.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tPATH\tTEMPLATE\tSTATE\tOWNER\tEXPIRES")
	for _, v := range views {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.Name, v.paths(), firstOf(v.Template, "-"), v.State, firstOf(v.Owner, "-"), v.expiry())
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the list: %w", err)
	}
	return nil
}
