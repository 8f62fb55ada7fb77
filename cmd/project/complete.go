package project

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/policy"
	"gateway/proxy/printable"
	"gateway/templates"
)

// What shells complete. It is read from the folders, so that a Tab is fast and needs no engine.

// described is a word with what a shell shows beside it.
func described(word string, description ...string) cobra.Completion {
	words := slices.DeleteFunc(description, func(s string) bool { return s == "" })
	return cobra.CompletionWithDesc(printable.Line(word), printable.Line(strings.Join(words, ", ")))
}

// list are the projects that have a folder, none when the folder cannot be read.
func list(env *cli.Env) []projects.Project {
	store, err := projects.NewStore(env.ProjectsRoot())
	if err != nil {
		return nil
	}
	all, err := store.List()
	if err != nil {
		return nil
	}
	return all
}

// CompleteNames are the names of projects, described by path and template.
func CompleteNames(env *cli.Env, _ *cobra.Command, _ []string) []cobra.Completion {
	var words []cobra.Completion
	for _, p := range list(env) {
		var paths []string
		for _, claim := range p.Claims {
			paths = append(paths, claim.Key.String())
		}
		words = append(words, described(string(p.Name), strings.Join(paths, " "), p.Template))
	}
	return words
}

// CompleteExpire are the words for all projects, or further names.
func CompleteExpire(env *cli.Env, c *cobra.Command, args []string) []cobra.Completion {
	names := slices.DeleteFunc(CompleteNames(env, c, args), func(word string) bool {
		name, _, _ := strings.Cut(word, "\t")
		return slices.Contains(args, name)
	})
	switch {
	case len(args) == 0:
		return append([]cobra.Completion{described(oldProjects[0], "all projects: old projects")}, names...)
	case slices.Equal(args, oldProjects[:1]):
		return append([]cobra.Completion{described(oldProjects[1], "all whose term is over")}, names...)
	case slices.Equal(args, oldProjects):
		return nil
	}
	return names
}

// tableTimeout bounds how long the gateway may take to list its routes for a completion.
const tableTimeout = time.Second

// CompleteRoutes are the names of projects, and the paths of theirs and of the running gateway, if it answers soon.
func CompleteRoutes(env *cli.Env, c *cobra.Command, args []string) []cobra.Completion {
	words := CompleteNames(env, c, args)
	seen := map[string]bool{}
	add := func(key, by string) {
		if !seen[key] {
			seen[key] = true
			words = append(words, described(key, by))
		}
	}
	for _, p := range list(env) {
		for _, claim := range p.Claims {
			add(claim.Key.String(), "project "+string(p.Name))
		}
	}
	ctx, cancel := context.WithTimeout(c.Context(), tableTimeout)
	defer cancel()
	gateway, err := env.Gateway(ctx)
	if err != nil {
		return words
	}
	defer gateway.Close()
	routes, err := gateway.Routes(ctx)
	if err != nil {
		return words
	}
	for _, r := range routes.Routes {
		add(r.Key, r.Service)
	}
	return words
}

// named is the project that the first argument names; its name is empty when there is none.
func named(env *cli.Env, args []string) projects.Project {
	for _, p := range list(env) {
		if len(args) > 0 && string(p.Name) == args[0] {
			return p
		}
	}
	return projects.Project{}
}

// CompletePaths are the paths of a project, without their hosts.
func CompletePaths(env *cli.Env, _ *cobra.Command, args []string) []cobra.Completion {
	var words []cobra.Completion
	for _, claim := range named(env, args).Claims {
		words = append(words, claim.Key.Prefix.String())
	}
	return words
}

// CompleteTargets are the paths of all projects but the named one, for a redirect.
func CompleteTargets(env *cli.Env, _ *cobra.Command, args []string) []cobra.Completion {
	var words []cobra.Completion
	for _, p := range list(env) {
		if slices.Contains(args, string(p.Name)) {
			continue
		}
		for _, claim := range p.Claims {
			if claim.Policy.Redirect == "" {
				words = append(words, described(claim.Key.Prefix.String(), "project "+string(p.Name)))
			}
		}
	}
	return words
}

// CompleteVersions are the numbers of a project's versions but the current one, the newest first.
func CompleteVersions(env *cli.Env, _ *cobra.Command, args []string) []cobra.Completion {
	p := named(env, args)
	if p.Name == "" {
		return nil
	}
	all, err := p.Releases()
	if err != nil {
		return nil
	}
	var words []cobra.Completion
	for _, v := range all {
		if !v.Current {
			words = append(words, described(strconv.Itoa(v.Number), v.Made.Local().Format("2006-01-02 15:04"), projects.Files(v.Files), v.From))
		}
	}
	return words
}

// CompleteTemplates are the names of templates with their summaries, those of the folder that --templates names among them.
func CompleteTemplates(env *cli.Env, c *cobra.Command, _ []string) []cobra.Completion {
	dir := ""
	if f := c.Flag("templates"); f != nil {
		dir = f.Value.String()
	}
	set, err := templateSet(env, dir)
	if err != nil {
		return nil
	}
	var words []cobra.Completion
	for _, t := range set.Templates {
		words = append(words, described(t.Name, t.Summary))
	}
	return words
}

// CompleteParameters are the parameters of a project's template, for PARAMETER=VALUE.
func CompleteParameters(env *cli.Env, c *cobra.Command, args []string) []cobra.Completion {
	set, err := templateSet(env, c.Flag("templates").Value.String())
	if err != nil {
		return nil
	}
	t, err := set.Find(named(env, args).Template)
	if err != nil {
		return nil
	}
	var words []cobra.Completion
	for _, parameter := range t.Parameters {
		if parameter.Type != templates.Folder { // 'gateway deploy --dir' takes files.
			words = append(words, described(parameter.Name+"=", parameter.Help))
		}
	}
	return words
}

// CompleteTrust are the rules that may be trusted away, behind those that the list has already.
func CompleteTrust(word string) []cobra.Completion {
	before := word[:strings.LastIndex(word, ",")+1]
	given := strings.Split(before, ",")
	var words []cobra.Completion
	for _, rule := range policy.Rules() {
		if !rule.Fixed && !slices.Contains(given, string(rule.Name)) {
			words = append(words, described(before+string(rule.Name), rule.Refuses))
		}
	}
	return words
}
