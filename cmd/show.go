package cmd

import (
	"cmp"
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

func newShow(env *Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show one project: folder, routes, containers, problems",
		Long:    "Shows all that is known of one project: its folder and what that says, its routes with their addresses, its\ncontainers, and problems with their fixes.",
		Example: "  gateway show robots\n  gateway show robots --json",
		Args:    usage(cobra.ExactArgs(1)),
		RunE:    func(c *cobra.Command, args []string) error { return runShow(c.Context(), env, args[0], asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runShow(ctx context.Context, env *Env, arg string, asJSON bool) error {
	w, err := env.workshop()
	if err != nil {
		return err
	}
	defer w.close()
	seen := w.observe(ctx)
	p, v, err := seen.find(w.store, arg, time.Now())
	if err != nil {
		return err
	}
	for _, fault := range seen.notes() {
		env.notef("the state is incomplete: %s\n", fault)
	}
	detail := projectDetail{projectView: v, Faults: seen.notes(), Secrets: p.Secrets()}
	if detail.Versions, err = versionsOf(w.store, p); err != nil {
		env.notef("%s\n", err)
		detail.Faults = append(detail.Faults, err.Error())
	}
	if asJSON {
		return cmp.Or(env.json(detail), seen.incomplete())
	}
	return cmp.Or(printProject(env, detail), seen.incomplete())
}

// projectDetail is what `show --json` prints.
type projectDetail struct {
	projectView
	// Versions are those of the site, the newest first.
	Versions []versionView `json:"versions,omitempty"`
	// Secrets are the files of the project's secrets, and never what is in them.
	Secrets []string `json:"secrets,omitempty"`
	// Faults say why the state is incomplete: who could not be asked.
	Faults []string `json:"faults,omitempty"`
}

func printProject(env *Env, v projectDetail) error {
	w := env.table()
	w.row("project\t%s", v.Name)
	w.row("state\t%s", v.State)
	w.row("folder\t%s", cmp.Or(v.Dir, "-"))
	w.row("template\t%s", v.madeOf())
	w.row("owner\t%s", cmp.Or(v.Owner, "-"))
	w.row("trust\t%s", trusted(v.Trust))
	w.row("created\t%s", cmp.Or(v.Created, "-"))
	w.row("expires\t%s", v.expiry())
	for _, r := range v.Routes {
		w.row("route\t%s\t%s\t%s", r.Key, r.State, r.URL)
		if r.Reason != "" {
			w.row("reason\t%s", r.Reason)
		}
	}
	for _, c := range v.Containers {
		w.row("container\t%s\t%s\t%s, image %s", c.Name, c.State, c.Status, c.Image)
	}
	for _, file := range v.Secrets {
		w.row("secret\t%s\t%s", filepath.Base(file), file)
	}
	printVersions(w, v.Versions)
	if v.Note != nil {
		w.row("note\t%s %s; %s", v.Name, v.Note.Message, v.Note.Mend)
	}
	for _, p := range v.Problems {
		w.row("problem\t%s: %s; %s", p.Subject, p.Message, p.Mend)
	}
	return w.flush("the project")
}
