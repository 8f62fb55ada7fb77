package project

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/templates"
)

type setOptions struct {
	templates string
	values    map[string]string
	dry       dryRun
}

func newSet(env *cli.Env) *cobra.Command {
	var o setOptions
	c := &cobra.Command{
		Use:   "set NAME [PARAMETER=VALUE...]",
		Short: "Show or set the parameters of a project's template",
		Long: "Writes new values of template parameters into the project's files, and deploys the project if it runs. Comments\n" +
			"and other edits stay; a value that was edited by hand is not overwritten. If the deployment fails, the files are\n" +
			"restored. Without PARAMETER=VALUE, shows the current values.",
		Example: "  gateway set blog\n  gateway set blog memory=1G upload-limit=128M\n  gateway set blog memory=1G --dry-run",
		Args:    cli.Args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if o.values, err = assignments(args[1:]); err != nil {
				return cli.Usage(err)
			}
			if len(o.values) == 0 {
				return showParameters(c.Context(), env, args[0], o)
			}
			if o.dry.json && !o.dry.only {
				return cli.Usage(errors.New("--json prints the values, or with --dry-run the plan; add --dry-run, or leave --json out"))
			}
			return env.ChangeProject(c.Context(), args[0], func(ctx context.Context, s *cli.Session, p projects.Project) error {
				return runSet(ctx, s, p, o)
			})
		},
	}
	f := c.Flags()
	addTemplatesFlag(f, &o.templates)
	f.BoolVar(&o.dry.only, "dry-run", false, "check and print the plan without changing anything")
	f.BoolVar(&o.dry.json, "json", false, "print JSON: the values, or with --dry-run the plan")
	return c
}

// assignments reads words of the form PARAMETER=VALUE.
func assignments(words []string) (map[string]string, error) {
	values := map[string]string{}
	var wrong []error
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		name = strings.TrimLeft(name, "-")
		_, twice := values[name]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Errorf("%q: it takes a parameter and a value, such as memory=1G", word))
		case twice:
			wrong = append(wrong, fmt.Errorf("parameter %s is given twice; give it once", name))
		}
		values[name] = value
	}
	return values, errors.Join(wrong...)
}

func runSet(ctx context.Context, s *cli.Session, p projects.Project, o setOptions) error {
	set, err := templateSet(s.Env, o.templates)
	if err != nil {
		return err
	}
	life, err := life(s)
	if err != nil {
		return err
	}
	c, err := o.dry.change(ctx, s, life, projects.Set{Name: p.Name, Values: o.values, Template: set.Find})
	switch {
	case c == nil || err != nil:
		return err
	case len(c.Steps) == 0:
		s.Env.Notef("project %s has these values already\n", p.Name)
		return nil
	case !c.Runs:
		s.Env.Donef("the new values are written; project %s does not run, start it with: gateway deploy %s\n", p.Name, p.Name)
		return nil
	}
	s.Env.Donef("project %s has the new values\n", p.Name)
	return printServed(ctx, s, c.Project)
}

// parameterView is a parameter as JSON shows it. Value is left out when it is a secret or not known.
type parameterView struct {
	Name  string         `json:"name"`
	Type  templates.Type `json:"type"`
	Value *string        `json:"value,omitempty"`
	// File is that of a secret.
	File string `json:"file,omitempty"`
	Help string `json:"help"`
}

func showParameters(ctx context.Context, env *cli.Env, arg string, o setOptions) error {
	s, err := env.Session()
	if err != nil {
		return err
	}
	defer s.Close()
	p, err := s.Load(ctx, arg)
	if err != nil {
		return err
	}
	set, err := templateSet(env, o.templates)
	if err != nil {
		return err
	}
	values, err := projects.Parameters(p, set.Find)
	if err != nil {
		return err
	}
	views := []parameterView{}
	w := env.Table()
	w.Row("PARAMETER\tVALUE\tMEANING")
	for _, v := range values {
		view := parameterView{Name: v.Name, Type: v.Type, Help: v.Help}
		shown := "-"
		switch {
		case v.Type == templates.Secret:
			view.File = v.SecretFile()
			shown = "in " + view.File
		case v.Unused:
		case v.Known:
			view.Value = &v.Value
			shown = v.Value
			if shown == "" {
				shown = `""`
			}
		case v.Value != "":
			shown = v.Value + " (edited by hand)"
		default:
			shown = "(edited by hand)"
		}
		views = append(views, view)
		w.Row("%s\t%s\t%s", v.Name, shown, meaningOf(v.Parameter))
	}
	if o.dry.json {
		return env.JSON(struct {
			Template   string          `json:"template"`
			Parameters []parameterView `json:"parameters"`
		}{p.Template, views})
	}
	return w.Flush("the parameters")
}
