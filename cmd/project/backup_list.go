package project

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/archive"
)

func newBackupList(env *cli.Env) *cobra.Command {
	var dir string
	var asJSON bool
	c := &cobra.Command{
		Use:     "ls [NAME]",
		Short:   "List the archives",
		Long:    "Lists the archives of a folder by project, the newest first.",
		Example: "  gateway backup ls\n  gateway backup ls blog --json",
		Args:    cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := listArchives(env, dir, args)
			if err != nil {
				return err
			}
			return printArchives(env, all, asJSON)
		},
	}
	addArchivesFlag(c, &dir, "dir")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// listArchives are those of a folder, of the projects of these names; none given means all.
func listArchives(env *cli.Env, dir string, names []string) ([]archive.Entry, error) {
	s, err := env.Session()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	all, err := archive.List(archives(s, dir))
	if len(names) > 0 {
		all = slices.DeleteFunc(all, func(e archive.Entry) bool { return !slices.Contains(names, e.Project) })
	}
	return all, err
}

func printArchives(env *cli.Env, all []archive.Entry, asJSON bool) error {
	if asJSON {
		return env.JSON(struct {
			Archives []archive.Entry `json:"archives"`
		}{append([]archive.Entry{}, all...)})
	}
	t := env.Table()
	t.Row("PROJECT\tAGE\tSIZE\tFILE")
	for _, e := range all {
		t.Row("%s\t%s\t%s\t%s", e.Project, cli.Age(time.Now(), e.Created), projects.Size(e.Bytes), e.Path)
	}
	return t.Flush("the archives")
}

func newBackupVerify(env *cli.Env) *cobra.Command {
	var dir string
	var identities []string
	c := &cobra.Command{
		Use:   "verify [FILE ...]",
		Short: "Compare archives with their manifests",
		Long: "Reads archives from their begin to their end and compares each file in them with the manifest. Without FILE it\n" +
			"verifies all archives of the folder.",
		Example: "  gateway backup verify\n  gateway backup verify blog-2026-11-30T041500Z.tar.zst",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				all, err := listArchives(env, dir, nil)
				if err != nil {
					return err
				}
				for _, e := range all {
					args = append(args, e.Path)
				}
			}
			return runVerify(c.Context(), env, args, identities)
		},
	}
	addArchivesFlag(c, &dir, "dir")
	addIdentityFlag(c, &identities)
	return c
}

// addIdentityFlag declares the flag for the keys that encrypted archives are read with.
func addIdentityFlag(c *cobra.Command, files *[]string) {
	c.Flags().StringSliceVar(files, "identity", nil, "`file` with the age private key of an encrypted archive")
}

func runVerify(ctx context.Context, env *cli.Env, files, identities []string) error {
	keys, err := archive.ReadIdentities(identities)
	if err != nil {
		return cli.Usage(fmt.Errorf("--identity: %w", err))
	}
	failed := 0
	for _, file := range files {
		m, err := archive.Read(ctx, file, keys, nil)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			env.Notef("%v\n", err)
			failed++
			continue
		}
		env.Printf("%s: verified, %d files with %s of project %s\n", file, len(m.Files), projects.Size(m.Bytes()), m.Project)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d archives were not verified; the reasons are above", failed, len(files))
	case len(files) == 0:
		return errors.New("there are no archives; write one with: gateway backup NAME")
	}
	return nil
}

func newBackupPrune(env *cli.Env) *cobra.Command {
	var dir, rule string
	var dry dryRun
	c := &cobra.Command{
		Use:   "prune [NAME ...]",
		Short: "Delete old archives by a rule",
		Long: "Deletes the archives that a rule does not keep: 7d,4w,6m keeps the newest of each of the last 7 days, 4 weeks and\n" +
			"6 months that have one, and a number alone the last ones. Each project counts by itself, and its newest archive is\n" +
			"always kept. Files whose names are not those of archives stay.",
		Example: "  gateway backup prune --keep 7d,4w,6m --dry-run\n  gateway backup prune blog --keep 3",
		RunE: func(_ *cobra.Command, args []string) error {
			keep, err := archive.ParseKeep(rule)
			if err != nil {
				return cli.Usage(fmt.Errorf("--keep: %w", err))
			}
			all, err := listArchives(env, dir, args)
			if err != nil {
				return err
			}
			return runPrune(env, archive.Prune(all, keep), dry)
		},
	}
	addArchivesFlag(c, &dir, "dir")
	c.Flags().StringVar(&rule, "keep", "", "`rule` such as 7d,4w,6m (required)")
	dry.flags(c)
	return c
}

func runPrune(env *cli.Env, gone []archive.Entry, dry dryRun) error {
	var steps []string
	var bytes int64
	for _, e := range gone {
		steps = append(steps, "delete "+e.Path)
		bytes += e.Bytes
	}
	if dry.only {
		return env.Plan(steps, dry.json)
	}
	for i, e := range gone {
		if err := os.Remove(e.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%d of %d archives are deleted: %w", i, len(gone), err)
		}
		env.Printf("%s\n", e.Path)
	}
	env.Notef("%d archives are deleted, %s\n", len(gone), projects.Size(bytes))
	return nil
}

// CompleteArchives are the projects that have archives in the usual folder, and the names of the archives.
func CompleteArchives(env *cli.Env) []cobra.Completion {
	store, err := projects.NewStore(env.ProjectsRoot())
	if err != nil {
		return nil
	}
	all, err := archive.List(store.Backups())
	if err != nil {
		return nil
	}
	var words []cobra.Completion
	for i, e := range all {
		if i == 0 || all[i-1].Project != e.Project {
			words = append(words, described(e.Project, "newest archive, "+cli.Age(time.Now(), e.Created)+" old"))
		}
		words = append(words, described(filepath.Base(e.Path), projects.Size(e.Bytes)))
	}
	return words
}
