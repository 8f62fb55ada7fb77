package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/proxy/docker"
)

func newStats(env *cli.Env) *cobra.Command {
	var asJSON, disk bool
	c := &cobra.Command{
		Use:   "stats [NAME]",
		Short: "Show the CPU, memory, network and disk usage of projects",
		Long: "Shows what each project uses: processor time during one second in percent of one core, memory, bytes received\n" +
			"and sent since its containers started, and disk. With --disk, the disk usage by folder, volumes, container\n" +
			"layers and logs; images may be shared and are not part of the total. A dash is an unknown size, such as logs\n" +
			"without root. The size of volumes and folders is not limited.",
		Example: "  gateway stats\n  gateway stats --disk\n  gateway stats robots --json",
		Args:    cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return runStats(c.Context(), env, name, disk, asJSON)
		},
	}
	c.Flags().BoolVar(&disk, "disk", false, "show what uses the disk")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// projectUsage is a project's row of what `stats --json` prints.
type projectUsage struct {
	Name string `json:"name"`
	projects.Activity
	projects.Usage
}

func runStats(ctx context.Context, env *cli.Env, name string, disk, asJSON bool) error {
	s, err := env.Session()
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := usages(ctx, s, name)
	if err != nil {
		return err
	}
	warnings := s.DiskWarnings(ctx)
	if asJSON {
		return env.JSON(struct {
			Projects []projectUsage `json:"projects"`
			Warnings []string       `json:"warnings,omitempty"`
		}{all, warnings})
	}
	for _, warning := range warnings {
		env.Notef("warning: %s\n", warning)
	}
	t := env.Table()
	if disk {
		t.Row("NAME\tTOTAL\tFOLDER\tVOLUMES\tCONTAINERS\tLOGS\tIMAGES")
		for _, u := range all {
			t.Row("%s\t%s\t%s\t%s\t%s\t%s\t%s", u.Name, sizeOf(u.Total), sizeOf(u.Folder), sizeOf(u.Volumes), sizeOf(u.Containers), sizeOf(u.Logs), sizeOf(u.Images))
		}
		return t.Flush("the sizes")
	}
	t.Row("NAME\tCPU\tMEMORY\tRECEIVED\tSENT\tDISK")
	for _, u := range all {
		t.Row("%s\t%.1f%%\t%s\t%s\t%s\t%s", u.Name, u.CPU, sizeOf(u.Memory), sizeOf(u.Received), sizeOf(u.Sent), sizeOf(u.Total))
	}
	return t.Flush("the usage")
}

func sizeOf(bytes int64) string {
	if bytes < 0 {
		return "-"
	}
	return projects.Size(bytes)
}

// usages are those of all projects that the gateway may serve, or of one.
func usages(ctx context.Context, s *cli.Session, name string) ([]projectUsage, error) {
	seen, err := observe(ctx, s)
	if err := cmp.Or(err, seen.engine); err != nil {
		return nil, err
	}
	views := seen.views(time.Now())
	if name != "" {
		_, v, err := seen.find(s.Store, name, time.Now())
		if err != nil {
			return nil, err
		}
		views = []projectView{v}
	}
	kept, err := s.Engine.Usage(ctx)
	if err != nil {
		return nil, err
	}
	listed := map[string][]docker.Container{}
	for _, v := range views {
		listed[v.Name] = seen.containers[v.Name]
	}
	active, err := projects.Activities(ctx, s.Engine, listed)
	if err != nil {
		return nil, err
	}
	all := []projectUsage{}
	for _, v := range views {
		if v.Kind == string(projects.Single) {
			continue
		}
		logs, err := logFiles(ctx, s, seen.containers[v.Name])
		if err != nil {
			return nil, err
		}
		all = append(all, projectUsage{v.Name, active[v.Name], projects.UsageOf(v.Name, v.Dir, kept, logs)})
	}
	if name != "" && len(all) == 0 {
		return nil, fmt.Errorf("%s is a container without a project; show its size with: docker ps --size --filter name=%s", name, name)
	}
	return all, nil
}

// logFiles are the logs of containers, empty names where they are on another machine.
func logFiles(ctx context.Context, s *cli.Session, containers []docker.Container) ([]string, error) {
	var files []string
	for _, c := range containers {
		file, err := s.Engine.LogFile(ctx, c.ID)
		if errors.Is(err, docker.ErrNotFound) {
			continue // It went meanwhile.
		}
		if err != nil {
			return nil, err
		}
		if !cli.Local(s.Host) {
			file = ""
		}
		files = append(files, file)
	}
	return files, nil
}
