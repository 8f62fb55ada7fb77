package project

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/proxy/route"
)

type moveOptions struct {
	path, from, redirect, templates string
	dryRun
}

func newMove(env *cli.Env) *cobra.Command {
	var o moveOptions
	c := &cobra.Command{
		Use:   "move NAME",
		Short: "Serve a project at another path",
		Long: "Replaces the path in the project's compose.yaml, deploys the project, and returns when the new path answers.\n" +
			"Comments and other edits stay; a path that was edited by hand is an error that says what to do. For WordPress,\n" +
			"links in posts are changed too. The old path is free afterwards, unless --redirect sends its clients to the new\n" +
			"one, with status 308.",
		Example: "  gateway move blog --path /notes\n  gateway move blog --path /notes --redirect 90d\n  gateway move blog --path /notes --dry-run",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := o.request(env)
			if err != nil {
				return err
			}
			return env.ChangeProject(c.Context(), args[0], func(ctx context.Context, s *cli.Session, p projects.Project) error {
				r.Name = p.Name
				return runMove(ctx, s, r, o)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&o.path, "path", "", "new path `prefix`, such as /notes (required)")
	f.StringVar(&o.from, "from", "", "old path `prefix`, for a project with several")
	f.StringVar(&o.redirect, "redirect", "", "redirect from the old path for a time, such as 90d, or until a date")
	addTemplatesFlag(f, &o.templates)
	o.flags(c)
	return c
}

// request reads the flags.
func (o moveOptions) request(env *cli.Env) (projects.Move, error) {
	var r projects.Move
	var err error
	if o.path == "" {
		return r, cli.Usage(errors.New("--path is missing: it takes the path to move the project to, such as --path /notes"))
	}
	if r.To, err = route.ParsePrefix(o.path); err != nil {
		return r, cli.Usage(fmt.Errorf("--path: %w", err))
	}
	if o.from != "" {
		from, err := route.ParsePrefix(o.from)
		if err != nil {
			return r, cli.Usage(fmt.Errorf("--from: %w", err))
		}
		r.From = &from
	}
	if o.redirect != "" {
		if r.Redirect, err = projects.ParseExpiry(o.redirect, time.Now()); err != nil {
			return r, cli.Usage(fmt.Errorf("--redirect: %w", err))
		}
	}
	set, err := templateSet(env, o.templates)
	r.Template = set.Find
	return r, err
}

func runMove(ctx context.Context, s *cli.Session, r projects.Move, o moveOptions) error {
	life, err := life(s)
	if err != nil {
		return err
	}
	c, err := o.change(ctx, s, life, r)
	if c != nil {
		for line := range strings.Lines(strings.TrimSpace(c.Said)) {
			s.Env.Notef("%s\n", strings.TrimRight(line, "\r\n"))
		}
	}
	if c == nil || err != nil {
		return err
	}
	return printServed(ctx, s, c.Project)
}
