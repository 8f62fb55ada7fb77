package project

import (
	"cmp"
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

func newShow(env *cli.Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show the details of a project",
		Long:    "Shows a project: its folder and settings, its routes with their addresses, its containers and versions, and\nproblems with their fixes.",
		Example: "  gateway show robots\n  gateway show robots --json",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return env.Read(func(s *cli.Session) error { return runShow(c.Context(), s, args[0], asJSON) })
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runShow(ctx context.Context, s *cli.Session, arg string, asJSON bool) error {
	env := s.Env
	seen, err := observe(ctx, s)
	if err != nil {
		return err
	}
	p, v, err := seen.find(s.Store, arg, time.Now())
	if err != nil {
		return err
	}
	for _, fault := range seen.notes(env) {
		env.Notef("the state is incomplete: %s\n", fault)
	}
	detail := projectDetail{projectView: v, Faults: seen.notes(env), Secrets: p.Secrets()}
	if detail.Versions, err = versionsOf(p); err != nil {
		env.Notef("%s\n", err)
		detail.Faults = append(detail.Faults, err.Error())
	}
	if asJSON {
		return cmp.Or(env.JSON(detail), seen.incomplete())
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

func printProject(env *cli.Env, v projectDetail) error {
	w := env.Table()
	w.Row("project\t%s", v.Name)
	w.Row("state\t%s", v.State)
	w.Row("folder\t%s", cmp.Or(v.Dir, "-"))
	w.Row("template\t%s", v.madeOf())
	w.Row("owner\t%s", cmp.Or(v.Owner, "-"))
	w.Row("trust\t%s", trusted(v.Trust))
	w.Row("created\t%s", cmp.Or(v.Created, "-"))
	w.Row("expires\t%s", v.expiry())
	if v.Term != "" {
		w.Row("term\t%s from the last deployment or renewal", v.Term)
	}
	if v.Idle != "" {
		w.Row("sleeps\tafter %s without requests", v.Idle)
	}
	for _, r := range v.Routes {
		w.Row("route\t%s\t%s\t%s", r.Key, r.State, r.URL)
		if r.Reason != "" {
			w.Row("reason\t%s", r.Reason)
		}
	}
	for _, c := range v.Containers {
		w.Row("container\t%s\t%s\t%s, image %s", c.Name, c.State, c.Status, c.Image)
	}
	for _, file := range v.Secrets {
		w.Row("secret\t%s\t%s", filepath.Base(file), file)
	}
	printVersions(w, v.Versions)
	if v.Note != nil {
		w.Row("note\t%s %s; %s", v.Name, v.Note.Message, v.Note.Fix)
	}
	for _, p := range v.Problems {
		w.Row("problem\t%s: %s; %s", p.Subject, p.Message, p.Fix)
	}
	return w.Flush("the project")
}
