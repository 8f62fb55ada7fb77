package cmd

import (
	"cmp"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gateway/templates"
)

func newTemplates(env *Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "templates",
		Short: "List the templates that projects are made from",
		Args:  usage(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var list, show bool
	ls := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the templates",
		Args:    usage(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return runTemplatesList(env, list) },
	}
	ls.Flags().BoolVar(&list, "json", false, "print JSON")
	one := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a template's parameters",
		Example: "  gateway templates show portfolio",
		Args:    usage(cobra.ExactArgs(1)),
		RunE:    func(_ *cobra.Command, args []string) error { return runTemplatesShow(env, args[0], show) },
	}
	one.Flags().BoolVar(&show, "json", false, "print JSON")
	c.AddCommand(ls, one)
	return c
}

func runTemplatesList(env *Env, asJSON bool) error {
	all, err := templates.All()
	if err != nil {
		return err
	}
	if asJSON {
		headers := []templates.Header{}
		for _, t := range all {
			headers = append(headers, t.Header)
		}
		return env.json(struct {
			Templates []templates.Header `json:"templates"`
		}{headers})
	}
	w := tabwriter.NewWriter(env.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSUMMARY")
	for _, t := range all {
		fmt.Fprintf(w, "%s\t%s\n", t.Name, t.Summary)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the list: %w", err)
	}
	return nil
}

func runTemplatesShow(env *Env, name string, asJSON bool) error {
	t, err := templates.Find(name)
	if err != nil {
		return usageError{err}
	}
	if asJSON {
		return env.json(t.Header)
	}
	env.printf("%s: %s\n\n", t.Name, t.Summary)
	w := tabwriter.NewWriter(env.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PARAMETER\tTYPE\tDEFAULT\tMEANING")
	for _, p := range t.Parameters {
		fmt.Fprintf(w, "--%s\t%s\t%s\t%s\n", p.Name, p.Type, cmp.Or(p.Default, "-"), p.Help)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the template: %w", err)
	}
	for _, image := range t.Needs.Images {
		env.printf("\nneeds image %s on the engine\n", image)
	}
	return nil
}
