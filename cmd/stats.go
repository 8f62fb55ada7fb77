package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gateway/projects"
	"gateway/proxy/docker"
)

func newStats(env *Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "stats [NAME]",
		Short: "Show what projects take of the disk",
		Long: "Shows how much of the disk each project takes: its folder, its volumes, what its containers wrote outside of\n" +
			"volumes, and their logs. Images may be shared by projects and are not part of the total. A dash is a size that\n" +
			"cannot be seen, such as logs without root. Nothing bounds what a project writes to its volumes and its folder.",
		Example: "  gateway stats\n  gateway stats robots --json",
		Args:    usage(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return runStats(c.Context(), env, name, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// projectUsage is a project's row of what `stats --json` prints.
type projectUsage struct {
	Name string `json:"name"`
	projects.Usage
}

func runStats(ctx context.Context, env *Env, name string, asJSON bool) error {
	w, err := env.workshop()
	if err != nil {
		return err
	}
	defer w.close()
	all, err := w.usages(ctx, name)
	if err != nil {
		return err
	}
	warnings := w.diskWarnings(ctx)
	if asJSON {
		return env.json(struct {
			Projects []projectUsage `json:"projects"`
			Warnings []string       `json:"warnings,omitempty"`
		}{all, warnings})
	}
	t := env.table()
	t.row("NAME\tTOTAL\tFOLDER\tVOLUMES\tCONTAINERS\tLOGS\tIMAGES")
	for _, u := range all {
		t.row("%s\t%s\t%s\t%s\t%s\t%s\t%s", u.Name, sizeOf(u.Total), sizeOf(u.Folder), sizeOf(u.Volumes), sizeOf(u.Containers), sizeOf(u.Logs), sizeOf(u.Images))
	}
	for _, warning := range warnings {
		env.notef("warning: %s\n", warning)
	}
	return t.flush("the sizes")
}

func sizeOf(bytes int64) string {
	if bytes < 0 {
		return "-"
	}
	return projects.Size(bytes)
}

// usages are those of all projects that the gateway may serve, or of one.
func (w *workshop) usages(ctx context.Context, name string) ([]projectUsage, error) {
	folders, err := w.store.List()
	if err != nil {
		return nil, err
	}
	seen := w.observe(ctx)
	if seen.engine != nil {
		return nil, seen.engine
	}
	views := seen.views(folders, time.Now())
	if name != "" {
		_, v, err := seen.find(w.store, name, time.Now())
		if err != nil {
			return nil, err
		}
		views = []projectView{v}
	}
	kept, err := w.engine.Usage(ctx)
	if err != nil {
		return nil, err
	}
	all := []projectUsage{}
	for _, v := range views {
		if v.Kind == string(projects.Single) {
			continue
		}
		logs, err := w.logFiles(ctx, seen.containers[v.Name])
		if err != nil {
			return nil, err
		}
		all = append(all, projectUsage{v.Name, projects.UsageOf(v.Name, v.Dir, kept, logs)})
	}
	if name != "" && len(all) == 0 {
		return nil, fmt.Errorf("%s is a container without a project; see its size with: docker ps --size --filter name=%s", name, name)
	}
	return all, nil
}

// logFiles are the logs of containers, empty names where they are on another machine.
func (w *workshop) logFiles(ctx context.Context, containers []docker.Container) ([]string, error) {
	var files []string
	for _, c := range containers {
		file, err := w.engine.LogFile(ctx, c.ID)
		if errors.Is(err, docker.ErrNotFound) {
			continue // It went meanwhile.
		}
		if err != nil {
			return nil, err
		}
		if !local(w.host) {
			file = ""
		}
		files = append(files, file)
	}
	return files, nil
}

// diskTimeout bounds how long an engine may take to name its folder: a warning is not worth more.
const diskTimeout = 3 * time.Second

// diskWarnings say which disks are nearly full: that of the projects and, on this machine, that of an engine that answers.
func (w *workshop) diskWarnings(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, diskTimeout)
	defer cancel()
	folders := []string{w.store.Root()}
	if local(w.host) {
		root, err := w.engine.DataRoot(ctx)
		if _, gone := os.Stat(root); err == nil && gone == nil { // An engine in a virtual machine has it there.
			folders = append(folders, root)
		}
	}
	return lowDisks(folders, projects.DiskOf)
}

// lowDisks says once of each disk that is nearly full how much of it is free.
func lowDisks(folders []string, look func(string) (projects.Disk, bool)) []string {
	var all []string
	told := map[projects.Disk]bool{}
	for _, folder := range folders {
		d, known := look(folder)
		if !known || !d.Low() || told[d] {
			continue
		}
		told[d] = true
		all = append(all, fmt.Sprintf("the disk of %s is nearly full: %s of %s is free; see what takes it: gateway stats, docker system df", folder, projects.Size(d.Free), projects.Size(d.Size)))
	}
	return all
}
