package project

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/release"
	"gateway/proxy/label"
)

type deployOptions struct {
	dir, maxSize   string
	idle           string
	maxFiles, keep int
	force          bool
	trust          []string
	dryRun
}

func newDeploy(env *cli.Env) *cobra.Command {
	var o deployOptions
	c := &cobra.Command{
		Use:   "deploy NAME",
		Short: "Deploy a project or a new version of its site",
		Long: "Applies the project's compose.yaml: containers whose configuration changed are replaced, others keep running.\n" +
			"Returns when the routes answer.\n\n" +
			"With --dir, a copy of that folder becomes the next version of the site, or of the compose file or Dockerfile\n" +
			"that you imported. Clients get the old files until all new ones are copied. Unchanged files make no version,\n" +
			"and what containers write to stays. If the deployment fails, the previous version runs again; 'gateway\n" +
			"rollback NAME' goes back later.\n\n" +
			"When something new is deployed, the project's term begins again, as 'gateway help expiry' says.",
		Example: "  gateway deploy robots\n  gateway deploy robots --dir ./dist\n  gateway deploy robots --dir ./dist --dry-run",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if o.dir == "" {
				for _, flag := range []string{"max-size", "max-files", "keep", "force"} {
					if c.Flags().Changed(flag) {
						return cli.Usage(fmt.Errorf("--%s is about files; name their folder too, such as --dir ./dist", flag))
					}
				}
			}
			d, err := o.verb(env)
			if err != nil {
				return err
			}
			return env.ChangeProject(c.Context(), args[0], func(ctx context.Context, s *cli.Session, p projects.Project) error {
				d.Name = p.Name
				return runDeploy(ctx, s, d, o)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&o.dir, "dir", "", "`folder` with the new files, which are copied")
	f.StringVar(&o.maxSize, "max-size", "", "maximum `size` of all files (default $GATEWAY_MAX_SIZE, else "+sizeFlag(projects.DefaultLimits.Bytes)+")")
	f.IntVar(&o.maxFiles, "max-files", 0, fmt.Sprintf("maximum number of files and folders (default $GATEWAY_MAX_FILES, else %d)", projects.DefaultLimits.Files))
	f.IntVar(&o.keep, "keep", release.DefaultKeep, "number of versions to keep, including the new one")
	f.StringVar(&o.idle, "idle", "", "`time` without requests after which it sleeps, such as 30m, or never; it is written into the labels")
	f.BoolVar(&o.force, "force", false, "accept unchanged files, an empty folder, or files that are rarely meant to be public")
	o.flags(c)
	addTrustFlag(f, &o.trust)
	return c
}

// siteLimits reads the bounds of what is copied: those of flags, else of the environment.
func siteLimits(env *cli.Env, maxSize string, maxFiles int) (projects.Limits, error) {
	limits := projects.DefaultLimits
	size, from := maxSize, "--max-size"
	if size == "" {
		size, from = env.Getenv("GATEWAY_MAX_SIZE"), "$GATEWAY_MAX_SIZE"
	}
	if size != "" {
		var err error
		if limits.Bytes, err = label.ParseSize(size); err != nil {
			return limits, cli.Usage(fmt.Errorf("%s %q: it takes a size, such as 500MB or 2GiB", from, size))
		}
	}
	files, from := maxFiles, "--max-files"
	if text := env.Getenv("GATEWAY_MAX_FILES"); files == 0 && text != "" {
		var err error
		if files, err = strconv.Atoi(text); err != nil || files == 0 {
			files = -1
		}
		from = "$GATEWAY_MAX_FILES"
	}
	switch {
	case files < 0:
		return limits, cli.Usage(fmt.Errorf("%s: it takes a number of at least 1, such as %d", from, projects.DefaultLimits.Files))
	case files > 0:
		limits.Files = files
	}
	return limits, nil
}

// sizeFlag writes a size as flags take it.
func sizeFlag(bytes int64) string {
	return strings.Replace(strings.ReplaceAll(projects.Size(bytes), " ", ""), ".0", "", 1)
}

// verb reads the words of the call.
func (o deployOptions) verb(env *cli.Env) (projects.Deploy, error) {
	d := projects.Deploy{Dir: o.dir, Keep: o.keep, Force: o.force, By: userOf(env), Today: projects.Today(time.Now())}
	if o.keep < 1 {
		return d, cli.Usage(fmt.Errorf("--keep %d: it takes a number of at least 1, the current version", o.keep))
	}
	if o.idle != "" && o.dir != "" {
		return d, cli.Usage(errors.New("--idle changes the project's labels, and --dir its files; deploy one after the other"))
	}
	idle, err := parseIdle(o.idle)
	if err != nil {
		return d, err
	}
	if o.idle != "" {
		d.Idle = &idle
	}
	if d.Limits, err = siteLimits(env, o.maxSize, o.maxFiles); err != nil {
		return d, err
	}
	d.Trust, err = parseTrust(o.trust)
	return d, err
}

func runDeploy(ctx context.Context, s *cli.Session, d projects.Deploy, o deployOptions) error {
	life, err := life(s)
	if err != nil {
		return err
	}
	c, err := o.change(ctx, s, life, d)
	if c == nil || err != nil {
		return err
	}
	printDeployed(s.Env, d, c)
	return printServed(ctx, s, c.Project)
}

// userOf is who runs the command, for people; behind sudo the one who typed it.
func userOf(e *cli.Env) string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME", "USERNAME"} {
		if user := e.Getenv(name); user != "" {
			return user
		}
	}
	if e.Root {
		return "root"
	}
	return ""
}

// printChanges prints what a dry run found, one file a line.
func printChanges(env *cli.Env, c *projects.Change, asJSON bool) error {
	if c.Made && c.From.Number > 0 {
		env.Notef("from version %d to version %d\n", c.From.Number, c.Release.Number)
	}
	if asJSON {
		return env.JSON(struct {
			Added    []string `json:"added"`
			Changed  []string `json:"changed"`
			Removed  []string `json:"removed"`
			Replaced []string `json:"replaced"`
		}{orNone(c.Files.Added), orNone(c.Files.Changed), orNone(c.Files.Removed), orNone(c.Replaced)})
	}
	for _, kind := range []struct {
		what  string
		names []string
	}{{"add", c.Files.Added}, {"change", c.Files.Changed}, {"remove", c.Files.Removed}, {"replace the containers of", c.Replaced}} {
		for _, name := range kind.names {
			env.Printf("%s %s\n", kind.what, name)
		}
	}
	env.Notef("%s\n", c.Files)
	return nil
}

// orNone is what JSON shows as an empty list.
func orNone(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

func printDeployed(env *cli.Env, d projects.Deploy, c *projects.Change) {
	switch v := c.Release; {
	case d.Dir == "":
	case c.Made:
		env.Donef("version %d is current: %s, %s (%s)\n", v.Number, projects.Files(v.Files), projects.Size(v.Bytes), c.Files)
		if v.Replaced > 0 && d.Keep > 1 {
			env.Notef("back to version %d with: gateway rollback %s\n", v.Replaced, d.Name)
		}
		if len(c.Gone) > 0 {
			env.Notef("removed version %s, beyond the last %d\n", strings.Trim(fmt.Sprint(c.Gone), "[]"), d.Keep)
		}
	case v.Number > 0:
		env.Notef("these files are version %d, which is current: no version was made (--force makes one)\n", v.Number)
	default:
		env.Notef("these files are deployed already: no version was made (--force makes one)\n")
	}
}

// printServed prints the addresses of a project that was just found ready.
func printServed(ctx context.Context, s *cli.Session, p projects.Project) error {
	gateway, err := s.Gateway(ctx)
	if errors.Is(err, cli.ErrNoGateway) {
		return nil
	}
	if err != nil {
		return err
	}
	at, err := s.Address(ctx, gateway)
	if err != nil {
		return err
	}
	for _, claim := range p.Claims {
		s.Env.Printf("%s\n", at.URL(claim.Key))
	}
	return nil
}
