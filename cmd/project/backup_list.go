package project

import (
	"context"
	"errors"
	"fmt"
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
			return runVerify(c.Context(), env, args)
		},
	}
	addArchivesFlag(c, &dir, "dir")
	return c
}

func runVerify(ctx context.Context, env *cli.Env, files []string) error {
	failed := 0
	for _, file := range files {
		m, err := archive.Read(ctx, file, nil)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			env.Notef("%v\n", err)
			failed++
			continue
		}
		env.Printf("%s: well, %d files with %s of project %s\n", file, len(m.Files), projects.Size(m.Bytes()), m.Project)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d archives are damaged", failed, len(files))
	case len(files) == 0:
		return errors.New("there are no archives; write one with: gateway backup NAME")
	}
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
