package project

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/archive"
	"gateway/projects/subnet"
	"gateway/proxy/route"
)

type restoreOptions struct {
	path, from, pool, templates, dir string
	trust, identities                []string
	term                             termFlags
	dryRun
}

func newRestore(env *cli.Env) *cobra.Command {
	var o restoreOptions
	c := &cobra.Command{
		Use:   "restore FILE|NAME [NEW-NAME]",
		Short: "Make a project of an archive",
		Long: "Makes a project of an archive of 'gateway backup', with its files, secrets and volumes, and returns when it is\n" +
			"served. NAME stands for the newest archive of that project. With NEW-NAME and --path it is another project, also\n" +
			"beside the first. The archive is verified and checked like a new project before anything is made; a failed\n" +
			"restore leaves nothing. See 'gateway help backup'.",
		Example: "  gateway restore blog\n  gateway restore blog-2026-11-30T041500Z.tar.zst\n  gateway restore blog notes --path /notes --dry-run",
		Args:    cli.Args(cobra.RangeArgs(1, 2)),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := o.request(env)
			if err != nil {
				return err
			}
			return env.Change(c.Context(), func(ctx context.Context, s *cli.Session) error {
				if err := o.find(ctx, s, args, &r); err != nil {
					return err
				}
				return runRestore(ctx, s, r, o)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&o.path, "path", "", "serve it at this path `prefix` instead of the one in the archive")
	f.StringVar(&o.from, "from", "", "path `prefix` that --path replaces, for a project with several")
	f.StringVar(&o.pool, "pool", "", "address `pool` for networks whose subnet is in use (default $GATEWAY_POOL, else "+subnet.DefaultPool+")")
	o.term.flags(c)
	addTrustFlag(f, &o.trust)
	addTemplatesFlag(f, &o.templates)
	addArchivesFlag(c, &o.dir, "dir")
	addIdentityFlag(c, &o.identities)
	o.flags(c)
	return c
}

// request reads the flags.
func (o restoreOptions) request(env *cli.Env) (projects.Restore, error) {
	var r projects.Restore
	for _, flag := range []struct {
		name, text string
		to         **route.Prefix
	}{{"--path", o.path, &r.To}, {"--from", o.from, &r.From}} {
		if flag.text == "" {
			continue
		}
		prefix, err := route.ParsePrefix(flag.text)
		if err != nil {
			return r, cli.Usage(fmt.Errorf("%s: %w", flag.name, err))
		}
		*flag.to = &prefix
	}
	if r.From != nil && r.To == nil {
		return r, cli.Usage(errors.New("--from names the path that --path replaces, and --path is missing"))
	}
	var err error
	if r.Pool, err = cli.ParsePool(env, o.pool); err != nil {
		return r, err
	}
	if r.Renew = o.term.given(); r.Renew {
		if r.Term, err = o.term.parse(time.Now()); err != nil {
			return r, err
		}
	}
	if r.Trust, err = parseTrust(o.trust); err != nil {
		return r, err
	}
	if r.Keys, err = archive.ReadIdentities(o.identities); err != nil {
		return r, cli.Usage(fmt.Errorf("--identity: %w", err))
	}
	set, err := templateSet(env, o.templates)
	r.Template = set.Find
	return r, err
}

// find decides which archive is meant, and the name of the project.
func (o restoreOptions) find(ctx context.Context, s *cli.Session, args []string, r *projects.Restore) error {
	var err error
	if r.File, err = archiveOf(archives(s, o.dir), args[0]); err != nil {
		return err
	}
	var name string
	entry, known := archive.ParseName(filepath.Base(r.File))
	switch {
	case len(args) > 1:
		name = args[1]
	case known:
		name = entry.Project
	default:
		m, err := archive.Read(ctx, r.File, r.Keys, nil)
		if err != nil {
			return err
		}
		name = m.Project
	}
	if r.Name, err = projects.ParseName(name); err != nil {
		return cli.Usage(err)
	}
	return nil
}

// archiveOf is the file that is called so, here or in the folder of archives, or the newest archive of that project.
func archiveOf(dir, arg string) (string, error) {
	for _, path := range []string{arg, filepath.Join(dir, arg)} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
			return "", fmt.Errorf("reading the archive: %w", err)
		}
	}
	all, err := archive.List(dir)
	if err != nil {
		return "", err
	}
	for _, e := range all {
		if e.Project == arg {
			return e.Path, nil
		}
	}
	return "", fmt.Errorf("there is no file %s, and no archive of a project of that name in %s; list the archives with: gateway backup ls", arg, dir)
}

func runRestore(ctx context.Context, s *cli.Session, r projects.Restore, o restoreOptions) error {
	life, err := life(s)
	if err != nil {
		return err
	}
	r.Progress = newMeter(s.Progress, "Volumes of "+string(r.Name)).count
	c, err := o.change(ctx, s, life, r)
	if c == nil || err != nil {
		return err
	}
	return printServed(ctx, s, c.Project)
}
