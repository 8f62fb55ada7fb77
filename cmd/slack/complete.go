package slack

import (
	"slices"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/invite/link"
	"gateway/proxy/printable"
)

// pages are the invite pages of a project, or of all when name is empty; none where they cannot be read.
func pages(env *cli.Env, name string) []invitePage {
	store, err := projects.NewStore(env.ProjectsRoot())
	if err != nil {
		return nil
	}
	all, err := store.List()
	if err != nil {
		return nil
	}
	var found []invitePage
	for _, p := range invites(all) {
		if page, err := pageOf(p); err == nil && (name == "" || string(p.Name) == name) {
			found = append(found, page)
		}
	}
	return found
}

// CompletePages are the projects with an invite page, for shells.
func CompletePages(env *cli.Env, _ *cobra.Command, _ []string) []cobra.Completion {
	var words []cobra.Completion
	for _, page := range pages(env, "") {
		words = append(words, string(page.Name))
	}
	return words
}

// CompleteLinks are the IDs of the links of the page that --project names, or of all pages, for shells.
func CompleteLinks(env *cli.Env, c *cobra.Command, _ []string) []cobra.Completion {
	project := ""
	if f := c.Flag("project"); f != nil {
		project = f.Value.String()
	}
	var words []cobra.Completion
	for _, page := range pages(env, project) {
		list, err := link.Read(page.linksFile())
		if err != nil {
			continue
		}
		for _, l := range list.Links {
			// Anyone with the address of a link can join. A screen may be shared, so that only the date is shown.
			words = append(words, cobra.CompletionWithDesc(printable.Line(l.ID), "added "+l.Added.Local().Format("2006-01-02 15:04")))
		}
	}
	slices.Sort(words)
	return words
}
