package project

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
)

func newRenew(env *cli.Env) *cobra.Command {
	var term termFlags
	var dry dryRun
	c := &cobra.Command{
		Use:   "renew NAME",
		Short: "Change when a project expires",
		Long: "Begins a new term: writes the expiry into the project's compose.yaml and, when the project runs, deploys it, so that\n" +
			"all lists show the same. A project that 'gateway expire' suspended is started again. Nothing else in the file\n" +
			"changes. A project with --pin never expires.",
		Example: "  gateway renew robots\n  gateway renew robots --ttl 90d\n  gateway renew robots --until 2027-06-30\n  gateway renew club --pin",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			now := time.Now()
			r, err := term.parse(now)
			if err != nil {
				return err
			}
			return env.ChangeProject(c.Context(), args[0], func(ctx context.Context, s *cli.Session, p projects.Project) error {
				r := r
				if r.Name = p.Name; !term.given() {
					r = p.Renewal(projects.Today(now))
				}
				return runRenew(ctx, s, r, dry)
			})
		},
	}
	term.flags(c)
	dry.flags(c)
	return c
}

// termFlags are the flags of commands that begin a new term of a project.
type termFlags struct {
	ttl, until string
	pin        bool
}

func (t *termFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&t.ttl, "ttl", "", "`time` to live from today: 90d, 2w, 6m, 1y (default as long as the term before, else "+projects.DefaultTerm.String()+")")
	f.StringVar(&t.until, "until", "", "last `day`, such as 2027-06-30")
	f.BoolVar(&t.pin, "pin", false, "remove the expiry; the project never expires")
}

// given reports whether any of them was.
func (t *termFlags) given() bool { return t.pin || t.ttl+t.until != "" }

// parse is the new term that the flags say, from today.
func (t *termFlags) parse(now time.Time) (projects.Renew, error) {
	r := projects.Renew{On: projects.Today(now)}
	if t.pin && t.ttl+t.until != "" || t.ttl != "" && t.until != "" {
		return r, cli.Usage(errors.New("only one of --ttl, --until and --pin applies"))
	}
	if t.pin || !t.given() {
		return r, nil
	}
	var err error
	if r.Until, r.Term, err = projects.ParseTerm(t.ttl+t.until, now); err != nil {
		return r, cli.Usage(err)
	}
	if t.until != "" {
		r.Term = projects.Span{}
	}
	return r, nil
}

func runRenew(ctx context.Context, s *cli.Session, r projects.Renew, dry dryRun) error {
	life, err := life(s)
	if err != nil {
		return err
	}
	if c, err := dry.change(ctx, s, life, r); c == nil || err != nil {
		return err
	}
	said := "is pinned, and never expires"
	if !r.Until.IsZero() {
		said = "expires on " + r.Until.Format(time.DateOnly)
	}
	s.Env.Donef("project %s %s\n", r.Name, said)
	return nil
}
