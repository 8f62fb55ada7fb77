package project

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/subnet"
	"gateway/templates"
)

type addOptions struct {
	template, name         string
	path, host, owner, ttl string
	idle, pool, templates  string
	dryRun, json, force    bool
	set, trust             []string
	// parameters are the template's as given by flags and by --set, wrong what is wrong with how they were given.
	parameters map[string]string
	wrong      error
	now        func() time.Time
}

func newAdd(env *cli.Env) *cobra.Command {
	o := addOptions{now: time.Now}
	c := &cobra.Command{
		Use:   "add TEMPLATE [NAME]",
		Short: "Create a project from a template and serve it",
		Long: "Creates a project from a template, starts it, waits until its route answers and prints the address. NAME\n" +
			"defaults to a name derived from --path. A failure undoes everything. On a terminal, a form asks for missing\n" +
			"parameters.",
		Example: "  gateway add portfolio --path /robots --dir ./site --owner Ada --ttl 90d\n" +
			"  gateway add wordpress blog --path / --host blog.example.org\n" +
			"  gateway add compose --from ./shop --path /shop --dry-run",
		Args: cli.Args(cobra.RangeArgs(1, 2)),
		RunE: func(c *cobra.Command, args []string) error {
			o.template = args[0]
			if len(args) > 1 {
				o.name = args[1]
			}
			o.parameters, o.wrong = parameters(c, o.set)
			return runAdd(c.Context(), env, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.path, "path", "", "path `prefix` to serve, such as /robots (required)")
	f.StringVar(&o.host, "host", "", "host `name` to serve (default all); with HTTPS, it is checked for a certificate")
	f.StringVar(&o.owner, "owner", "", "`contact` for the project, such as a mail address")
	f.StringVar(&o.ttl, "ttl", "", "`expiry`: a term that each deployment begins again, such as 90d or 6m, or a day, such as 2027-06-30 (default none)")
	f.StringVar(&o.idle, "idle", "", "`time` without requests after which it sleeps, such as 30m (default never)")
	f.StringVar(&o.pool, "pool", "", "address `pool` for networks (default "+subnet.DefaultPool+")")
	f.StringArrayVar(&o.set, "set", nil, "template parameter as `NAME=VALUE`; may be repeated")
	addTemplatesFlag(f, &o.templates)
	addTrustFlag(f, &o.trust)
	f.BoolVar(&o.force, "force", false, "accept an empty folder, or files that should not be public")
	f.BoolVar(&o.dryRun, "dry-run", false, "check, and print the steps without doing them")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return c
}

// request reads the arguments, and asks on a terminal for what is missing.
func (o addOptions) request(ctx context.Context, env *cli.Env) (projects.Add, error) {
	var r projects.Add
	set, err := templateSet(env, o.templates)
	if err != nil {
		return r, err
	}
	if r.Template, err = set.Find(o.template); err != nil {
		return r, cli.Usage(err)
	}
	if err := o.complete(ctx, env, r.Template); err != nil {
		return r, err
	}
	c, err := claim(o.path, o.host, o.owner)
	if err != nil {
		return r, err
	}
	r.Key, r.Owner, r.Created, r.Parameters = c.Key, c.Owner, o.now(), o.parameters
	if r.Name, err = projects.DefaultName(r.Key.Prefix, o.template); o.name != "" {
		r.Name, err = projects.ParseName(o.name)
	}
	if err != nil {
		return r, cli.Usage(err)
	}
	if o.ttl != "" {
		if r.Expires, r.Term, err = projects.ParseTerm(o.ttl, o.now()); err != nil {
			return r, cli.Usage(fmt.Errorf("--ttl: %w", err))
		}
	}
	if r.Idle, err = parseIdle(o.idle); err != nil {
		return r, err
	}
	if r.Pool, err = cli.ParsePool(env, o.pool); err != nil {
		return r, err
	}
	if r.Trust, err = parseTrust(o.trust); err != nil {
		return r, err
	}
	r.Site, err = o.site(env, r.Template)
	return r, err
}

// site opens the folder that a parameter names, nil for none.
func (o addOptions) site(env *cli.Env, t templates.Template) (*projects.Site, error) {
	for _, p := range t.Parameters {
		dir := o.parameters[p.Name]
		if p.Type != templates.Folder || dir == "" || t.Name == projects.ImportTemplate {
			continue
		}
		limits, err := siteLimits(env, "", 0)
		if err != nil {
			return nil, err
		}
		return openSite(env, dir, limits, siteFlags{spa: o.parameters["spa"] == "true", force: o.force})
	}
	return nil, nil
}

// complete checks the parameters, and asks on a terminal for missing ones. The error lists everything that is wrong.
func (o *addOptions) complete(ctx context.Context, env *cli.Env, t templates.Template) error {
	if wrong := errors.Join(o.wrong, t.Check(o.parameters)); wrong != nil {
		return cli.Usage(wrong)
	}
	missing := t.Missing(o.parameters)
	if o.path != "" && len(missing) == 0 {
		return nil
	}
	if env.Interactive && !o.json {
		return o.ask(ctx, env, t, missing)
	}
	var wrong []error
	if o.path == "" {
		wrong = append(wrong, errors.New("--path is missing: it takes the path to serve the project at, such as --path /robots"))
	}
	for _, p := range missing {
		wrong = append(wrong, fmt.Errorf("--%s is missing: %s", p.Name, helpOf(p)))
	}
	return cli.Usage(errors.Join(wrong...))
}

// siteFlags are the flags about the files of a site.
type siteFlags struct{ spa, force bool }

// openSite looks through a folder of files, refuses what is rarely meant to be public, and says what is odd about it.
func openSite(e *cli.Env, dir string, limits projects.Limits, flags siteFlags) (*projects.Site, error) {
	site, err := projects.OpenSite(dir, limits)
	if err != nil {
		return nil, err
	}
	if err := site.Unfit(); err != nil && !flags.force {
		return nil, err
	}
	tell(e, site.Notes(flags.spa))
	return site, nil
}

func runAdd(ctx context.Context, env *cli.Env, o addOptions) error {
	ctx, stop := cli.OutliveTerminal(ctx)
	defer stop()
	request, err := o.request(ctx, env)
	if err != nil {
		return err
	}
	s, err := env.Session()
	if err != nil {
		return err
	}
	defer s.Close()
	if request.Template.Name == projects.ImportTemplate {
		if err := o.importFolder(ctx, s, &request); err != nil {
			return err
		}
	}
	checkHost(ctx, s, request.Key.Host)
	var advise []func(port uint16) string
	if request.Source != nil {
		advise = append(advise, func(port uint16) string { return fmt.Sprintf("try --port %d", port) })
	}
	life, err := life(s, advise...)
	if err != nil {
		return err
	}
	if o.dryRun {
		c, err := life.DryRun(ctx, request)
		if err != nil {
			return err
		}
		tell(env, c.Notes)
		return env.Plan(c.Texts(), o.json)
	}
	c, err := life.Do(ctx, request)
	if err != nil {
		return err
	}
	return printAdded(ctx, s, c, request.Template, o.json)
}

// added is what `add --json` prints.
type added struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Dir  string `json:"dir"`
	// Secrets are the secrets that the users of the project need.
	Secrets map[string]string `json:"secrets,omitempty"`
}

func printAdded(ctx context.Context, s *cli.Session, c *projects.Change, t templates.Template, asJSON bool) error {
	gateway, err := s.Gateway(ctx)
	if err != nil {
		return err
	}
	at, err := s.Address(ctx, gateway)
	if err != nil {
		return err
	}
	p, url := c.Project, at.URL(c.Keys[0])
	if asJSON {
		out := added{Name: string(p.Name), URL: url, Dir: p.Dir, Secrets: map[string]string{}}
		for _, secret := range c.Secrets {
			out.Secrets[secret.Name] = secret.Text
		}
		return s.Env.JSON(out)
	}
	for _, secret := range c.Secrets {
		s.Env.Notef("%s: %s (kept in %s)\n", secret.Name, secret.Text, secret.File)
	}
	if t.After != "" {
		s.Env.Notef("%s\n", t.After)
	}
	s.Env.Donef("project %s is in %s and live at\n", p.Name, p.Dir)
	s.Env.Printf("%s\n", url)
	return nil
}
