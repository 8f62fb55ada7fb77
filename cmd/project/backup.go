package project

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/archive"
	"gateway/projects/compose"
)

type backupOptions struct {
	all, stop bool
	to        string
	encrypt   []string
	dryRun
}

func newBackup(env *cli.Env) *cobra.Command {
	var o backupOptions
	c := &cobra.Command{
		Use:   "backup NAME|--all",
		Short: "Write a project to an archive",
		Long: "Writes a project to one compressed archive: its folder with compose.yaml, secrets and versions, and its volumes.\n" +
			"A running MariaDB, MySQL or PostgreSQL is dumped by its own tool, in place of its files. The archive is read back\n" +
			"and verified before it gets its name, and a failed backup leaves none. It contains secrets: only its owner can\n" +
			"read it. 'gateway restore' makes a project of it. See 'gateway help backup'.",
		Example: "  gateway backup blog\n  gateway backup --all --to /mnt/backups --encrypt age1…\n  gateway backup ls",
		Args: cli.Args(func(c *cobra.Command, args []string) error {
			if o.all == (len(args) > 0) {
				return errors.New("it takes the name of a project, or --all")
			}
			return cobra.MaximumNArgs(1)(c, args)
		}),
		RunE: func(c *cobra.Command, args []string) error {
			return env.Change(c.Context(), func(ctx context.Context, s *cli.Session) error {
				if o.all {
					return backupAll(ctx, s, o)
				}
				name, err := s.Known(ctx, args[0])
				if err != nil {
					return err
				}
				return runBackup(ctx, s, name, o)
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&o.all, "all", false, "archive every project")
	f.BoolVar(&o.stop, "stop", false, "stop the project until its files are copied, and dump no database")
	f.StringSliceVar(&o.encrypt, "encrypt", nil, "age public `key`, or a file of some, that can read the archive; may be repeated")
	addArchivesFlag(c, &o.to, "to")
	o.flags(c)
	c.AddCommand(newBackupList(env), newBackupVerify(env), newBackupPrune(env))
	return c
}

// addArchivesFlag declares the flag for the folder of archives.
func addArchivesFlag(c *cobra.Command, dir *string, name string) {
	c.Flags().StringVar(dir, name, "", "`folder` of the archives (default backups beside the folder of the projects)")
}

// archives is the folder of archives, as a flag names it.
func archives(s *cli.Session, flag string) string {
	if flag != "" {
		return flag
	}
	return s.Store.Backups()
}

// backupAll archives all projects. One that cannot be archived keeps none of the others from it.
func backupAll(ctx context.Context, s *cli.Session, o backupOptions) error {
	all, err := s.Store.List()
	if err != nil {
		return err
	}
	failed := 0
	for _, p := range all {
		if err := runBackup(ctx, s, p.Name, o); err != nil {
			if ctx.Err() != nil {
				return err
			}
			s.Env.Notef("project %s: %s\n", p.Name, s.Env.Hinted(err))
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d projects were not archived; the reasons are above", failed, len(all))
	}
	return nil
}

func runBackup(ctx context.Context, s *cli.Session, name projects.Name, o backupOptions) error {
	life, err := life(s)
	if err != nil {
		return err
	}
	to, err := archive.ParseRecipients(o.encrypt)
	if err != nil {
		return cli.Usage(fmt.Errorf("--encrypt: %w", err))
	}
	meter := newMeter(s.Progress, "Archive of "+string(name))
	c, err := o.change(ctx, s, life, projects.Backup{Name: name, Dir: archives(s, o.to), Version: s.Env.Version, Stop: o.stop, To: to, Progress: meter.count})
	if c == nil || err != nil {
		return err
	}
	done := c.Archived
	for _, note := range done.Manifest.Notes {
		s.Env.Notef("%s\n", note)
	}
	s.Env.Notef("project %s is archived and verified: %s of files, %s in the archive\n", name, projects.Size(done.Manifest.Bytes()), projects.Size(done.Bytes))
	s.Env.Printf("%s\n", done.Path)
	return nil
}

// meter shows how many bytes were copied, and how many a second.
type meter struct {
	progress *cli.Progress
	what     string
	begun    time.Time
	shown    time.Time
}

// meterEvery is how often the number is shown.
const meterEvery = 200 * time.Millisecond

func newMeter(p *cli.Progress, what string) *meter {
	return &meter{progress: p, what: what, begun: time.Now()}
}

// count takes how many bytes were copied since the begin.
func (m *meter) count(bytes int64) {
	now := time.Now()
	if now.Sub(m.shown) < meterEvery {
		return
	}
	m.shown = now
	rate := int64(float64(bytes) / max(now.Sub(m.begun).Seconds(), 0.001))
	m.progress.Emit(compose.Event{ID: m.what, Text: "Copying", Details: fmt.Sprintf("%s, %s/s", projects.Size(bytes), projects.Size(rate))})
}
