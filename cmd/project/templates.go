package project

import (
	"cmp"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/templates"
)

func newTemplates(env *cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "templates",
		Short: "List and show the templates for projects",
		Args:  cli.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTemplatesList(env), newTemplatesShow(env))
	return c
}

func newTemplatesList(env *cli.Env) *cobra.Command {
	var dir string
	var asJSON bool
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the templates",
		Long:    "Lists the built-in and the custom templates, and reports those that are broken.",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return runTemplatesList(env, dir, asJSON) },
	}
	addTemplatesFlag(c.Flags(), &dir)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newTemplatesShow(env *cli.Env) *cobra.Command {
	var dir string
	var asJSON bool
	c := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show the parameters of a template",
		Long:    "Shows the parameters that 'gateway add' takes for a template, with their defaults, and what the template needs.",
		Example: "  gateway templates show portfolio\n  gateway templates show wordpress --json",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE:    func(_ *cobra.Command, args []string) error { return runTemplatesShow(env, dir, args[0], asJSON) },
	}
	addTemplatesFlag(c.Flags(), &dir)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// templateView is a template as JSON shows it.
type templateView struct {
	templates.Header
	// Dir is the folder of a custom one.
	Dir string `json:"dir,omitempty"`
}

func runTemplatesList(env *cli.Env, dir string, asJSON bool) error {
	set, err := templateSet(env, dir)
	if err != nil {
		return err
	}
	if asJSON {
		doc := struct {
			Templates []templateView `json:"templates"`
			Broken    []string       `json:"broken,omitempty"`
		}{Templates: []templateView{}}
		for _, t := range set.Templates {
			doc.Templates = append(doc.Templates, templateView{t.Header, t.Dir})
		}
		for _, broken := range set.Broken {
			doc.Broken = append(doc.Broken, broken.Error())
		}
		return env.JSON(doc)
	}
	w := env.Table()
	w.Row("NAME\tFROM\tSUMMARY")
	for _, t := range set.Templates {
		w.Row("%s\t%s\t%s", t.Name, cmp.Or(t.Dir, "gateway"), t.Summary)
	}
	if err := w.Flush("the list"); err != nil {
		return err
	}
	for _, broken := range set.Broken {
		env.Notef("ignoring a broken template: %v\n", broken)
	}
	return nil
}

func runTemplatesShow(env *cli.Env, dir, name string, asJSON bool) error {
	set, err := templateSet(env, dir)
	if err != nil {
		return err
	}
	t, err := set.Find(name)
	if err != nil {
		return cli.Usage(err)
	}
	if asJSON {
		return env.JSON(templateView{t.Header, t.Dir})
	}
	env.Printf("%s: %s\n\n", t.Name, t.Summary)
	w := env.Table()
	w.Row("PARAMETER\tTYPE\tDEFAULT\tMEANING")
	for _, p := range t.Parameters {
		w.Row("--%s\t%s\t%s\t%s", p.Name, p.Type, defaultOf(p), meaningOf(p))
	}
	if err := w.Flush("the template"); err != nil {
		return err
	}
	for i, line := range needsOf(t) {
		if i == 0 {
			env.Printf("\n")
		}
		env.Printf("%s\n", line)
	}
	return nil
}

// defaultOf describes the default of a parameter.
func defaultOf(p templates.Parameter) string {
	switch {
	case p.Required:
		return "required"
	case p.Type == templates.Secret:
		return "generated"
	}
	return cmp.Or(p.Default, "-")
}

// meaningOf returns the help of a parameter with its bounds.
func meaningOf(p templates.Parameter) string {
	if takes := boundsOf(p); takes != "" {
		return p.Help + "; " + takes
	}
	return p.Help
}

// needsOf describes the needs of a template, one line each.
func needsOf(t templates.Template) []string {
	var lines []string
	for _, image := range t.Needs.Images {
		lines = append(lines, "needs image "+image+" on the engine")
	}
	if t.Needs.Backend {
		lines = append(lines, "needs a second network, private to the project")
	}
	if t.Needs.PlainPath {
		lines = append(lines, "needs a path of letters, digits, dashes, underscores and dots")
	}
	if t.Dir != "" {
		lines = append(lines, "is in "+t.Dir)
	}
	return lines
}
