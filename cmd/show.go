package cmd

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gateway/projects"
)

func newShow(env *Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show one project: folder, routes, containers, problems",
		Long:    "Shows all that is known of one project: its folder and what that says, its routes with their addresses, its\ncontainers, and what is wrong with the mend.",
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
	name, err := projects.ParseName(arg)
	if err != nil {
		return usageError{err}
	}
	p, err := w.store.Load(name)
	if err != nil && !w.store.Exists(name) {
		if _, runs := w.known(ctx, arg); runs != nil {
			return err
		}
		err = errFolderGone
	}
	p.Err = err
	seen := w.observe(ctx)
	v := seen.view(p, time.Now())
	for _, fault := range seen.notes() {
		env.notef("the state is incomplete: %s\n", fault)
	}
	detail := projectDetail{projectView: v, Faults: seen.notes(), Secrets: p.Secrets()}
	if detail.Versions, err = versionsOf(w.store, p); err != nil {
		env.notef("%s\n", err)
		detail.Faults = append(detail.Faults, err.Error())
	}
	if asJSON {
		return env.json(detail)
	}
	return printProject(env, detail)
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
	w := tabwriter.NewWriter(env.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "project\t%s\n", v.Name)
	fmt.Fprintf(w, "state\t%s\n", v.State)
	fmt.Fprintf(w, "folder\t%s\n", v.Dir)
	fmt.Fprintf(w, "template\t%s\n", cmp.Or(v.Template, "-"))
	fmt.Fprintf(w, "owner\t%s\n", cmp.Or(v.Owner, "-"))
	fmt.Fprintf(w, "trust\t%s\n", trusted(v.Trust))
	fmt.Fprintf(w, "created\t%s\n", cmp.Or(v.Created, "-"))
	fmt.Fprintf(w, "expires\t%s\n", v.expiry())
	for _, r := range v.Routes {
		fmt.Fprintf(w, "route\t%s\t%s\t%s\n", r.Key, r.State, r.URL)
	}
	for _, c := range v.Containers {
		fmt.Fprintf(w, "container\t%s\t%s\t%s, image %s\n", c.Name, c.State, c.Status, c.Image)
	}
	for _, file := range v.Secrets {
		fmt.Fprintf(w, "secret\t%s\t%s\n", filepath.Base(file), file)
	}
	printVersions(w, v.Versions)
	for _, p := range v.Problems {
		fmt.Fprintf(w, "problem\t%s: %s; %s\n", p.Subject, p.Message, p.Mend)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the project: %w", err)
	}
	return nil
}
