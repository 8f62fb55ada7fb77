package cmd

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"
)

func newList(env *Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the projects",
		Long: "Lists the projects with their paths, state, owner and last day, and everything else that containers publish by\n" +
			"their labels: projects of another projects folder, what Docker Compose started, and containers alone.",
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
	seen := w.observe(ctx)
	views := seen.views(all, time.Now())
	for _, fault := range seen.notes() {
		env.notef("states are incomplete: %s\n", fault)
	}
	warnings := w.diskWarnings(ctx)
	if asJSON {
		return cmp.Or(env.json(projectList{views, seen.notes(), warnings}), seen.incomplete())
	}
	if len(views) == 0 && seen.engine == nil {
		env.notef("no project in %s; make one with: gateway add portfolio --path /robots\n", w.store.Root())
		return nil
	}
	if len(views) == 0 {
		return errSilent
	}
	if err := printList(env, views); err != nil {
		return err
	}
	for _, v := range views {
		v.printReasons(env)
		for _, p := range v.Problems {
			env.notef("problem: %s: %s; %s\n", p.Subject, p.Message, p.Mend)
		}
	}
	for _, v := range views {
		if v.Note != nil {
			env.notef("%s %s; %s\n", v.Name, v.Note.Message, v.Note.Mend)
		}
	}
	for _, warning := range warnings {
		env.notef("warning: %s\n", warning)
	}
	return seen.incomplete()
}

// projectList is what `ls --json` prints.
type projectList struct {
	Projects []projectView `json:"projects"`
	// Faults say why states are incomplete: who could not be asked.
	Faults []string `json:"faults,omitempty"`
	// Warnings say which disks are nearly full.
	Warnings []string `json:"warnings,omitempty"`
}

func printList(env *Env, views []projectView) error {
	w := env.table()
	w.row("NAME\tPATH\tTEMPLATE\tSTATE\tOWNER\tEXPIRES")
	for _, v := range views {
		w.row("%s\t%s\t%s\t%s\t%s\t%s", v.Name, v.paths(), v.madeOf(), v.State, cmp.Or(v.Owner, "-"), v.expiry())
	}
	return w.flush("the list")
}
