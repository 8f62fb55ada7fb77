package project

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

func newList(env *cli.Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the projects",
		Long: "Lists the projects with their paths, state, owner and expiry, and everything else that is published by labels:\n" +
			"projects of another projects folder, Compose projects and single containers.",
		Example: "  gateway ls\n  gateway ls --json",
		Args:    cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return env.Read(func(s *cli.Session) error { return runList(c.Context(), s, asJSON) })
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runList(ctx context.Context, s *cli.Session, asJSON bool) error {
	env := s.Env
	seen, err := observe(ctx, s)
	if err != nil {
		return err
	}
	views := seen.views(time.Now())
	for _, fault := range seen.notes(env) {
		env.Notef("states are incomplete: %s\n", fault)
	}
	warnings := append(s.DiskWarnings(ctx), seen.warnings...)
	if asJSON {
		return cmp.Or(env.JSON(projectList{views, seen.notes(env), warnings}), seen.incomplete())
	}
	if len(views) == 0 && seen.engine == nil {
		env.Notef("no project in %s; make one with: gateway add portfolio --path /robots\n", s.Store.Root())
		return nil
	}
	if len(views) == 0 {
		return cli.ErrSilent
	}
	if err := printList(env, views); err != nil {
		return err
	}
	for _, v := range views {
		v.printReasons(env)
		for _, p := range v.Problems {
			env.Notef("problem: %s: %s; %s\n", p.Subject, p.Message, p.Fix)
		}
	}
	for _, v := range views {
		if v.Note != nil {
			env.Notef("%s %s; %s\n", v.Name, v.Note.Message, v.Note.Fix)
		}
	}
	for _, warning := range warnings {
		env.Notef("warning: %s\n", warning)
	}
	return seen.incomplete()
}

// projectList is what `ls --json` prints.
type projectList struct {
	Projects []projectView `json:"projects"`
	// Faults say why states are incomplete: who could not be asked.
	Faults []string `json:"faults,omitempty"`
	// Warnings say which disks are nearly full, and that expired projects are not suspended by themselves.
	Warnings []string `json:"warnings,omitempty"`
}

func printList(env *cli.Env, views []projectView) error {
	w := env.Table()
	w.Row("NAME\tPATH\tTEMPLATE\tSTATE\tOWNER\tEXPIRES")
	for _, v := range views {
		w.Row("%s\t%s\t%s\t%s\t%s\t%s", v.Name, v.paths(), v.madeOf(), v.State, cmp.Or(v.Owner, "-"), v.expiry())
	}
	return w.Flush("the list")
}
