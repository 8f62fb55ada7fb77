package compose

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"go.yaml.in/yaml/v3"

	"gateway/projects/adoption"
	"gateway/projects/policy"
)

// Outline reads somebody's compose files where they lie, in the order in which they override each other, as a project of
// that name would be made of them. Nothing outside their folder is read, and what would have to be is refused; all other
// rules wait until the project is in place, with what is left out of it. The engine is not asked.
func (c *Compose) Outline(ctx context.Context, dir, name string, files []string) (adoption.Outline, error) {
	prepare()
	outline := adoption.Outline{}
	report, err := policy.Check(policy.Source{
		Dir: dir, Name: name, Wrapped: policy.Wrapped{Files: files}, Foreign: true,
		Env: map[string]string{consts.ComposeProjectName: name}, Language: language(),
	})
	if err != nil {
		return outline, located(filepath.Join(dir, files[0]), err)
	}
	if err := unreadable(report); err != nil {
		return outline, err
	}
	if more := report.Env[consts.ComposeFilePath]; more != "" {
		return outline, fmt.Errorf("%s: COMPOSE_FILE says %q, and only %s are read; put all into these, or have them include the others",
			filepath.Join(dir, ".env"), more, strings.Join(files, " and "))
	}
	project, err := read(ctx, Subject{Dir: dir, Name: name}, report)
	if err != nil {
		return outline, located(report.Files[0], err)
	}
	for _, file := range report.Files {
		outline.Name = cmp.Or(nameIn(report.Texts[file]), outline.Name)
	}
	describe(&outline, project, report.Folder)
	return outline, nil
}

// unreadable are the findings of the rules that nobody can trust away, as an error: among them all that concern what is
// read.
func unreadable(report policy.Report) error {
	var all policy.Trust
	for _, rule := range policy.Rules() {
		if !rule.Fixed {
			all = append(all, rule.Name)
		}
	}
	if _, refused := all.Split(report.Findings); len(refused) > 0 {
		return policy.Refused(refused)
	}
	return nil
}

func nameIn(text []byte) string {
	var file struct {
		Name string `yaml:"name"`
	}
	if yaml.Unmarshal(text, &file) != nil {
		return ""
	}
	return file.Name
}

func describe(o *adoption.Outline, project *types.Project, folder policy.Folder) {
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		o.Services = append(o.Services, outlineOf(project.Services[name], folder))
	}
	for _, name := range slices.Sorted(maps.Keys(project.DisabledServices)) {
		o.Off = append(o.Off, outlineOf(project.DisabledServices[name], folder))
	}
	for _, object := range slices.Concat(objects(project.Configs), objects(project.Secrets)) {
		o.Idle = append(o.Idle, adoption.Mount{Path: object.File, ReadOnly: true})
	}
	for _, name := range slices.Sorted(maps.Keys(project.Networks)) {
		network := project.Networks[name]
		o.Networks = append(o.Networks, name)
		if bool(network.External) || len(network.Ipam.Config) > 0 {
			o.Addressed = append(o.Addressed, name)
		}
	}
}

func outlineOf(s types.ServiceConfig, folder policy.Folder) adoption.Service {
	one := adoption.Service{
		Name: s.Name, Image: s.Image, Builds: s.Build != nil, ContainerName: s.ContainerName, Restart: s.Restart,
		NetworkMode: s.NetworkMode, Labels: s.Labels, Exposed: portsIn(s.Expose), Missing: missing(s),
	}
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		one.Restart = s.Deploy.RestartPolicy.Condition
	}
	if s.Networks != nil {
		one.Networks = slices.Sorted(maps.Keys(s.Networks))
	}
	one.Mounts = mountsOf(s)
	for _, p := range s.Ports {
		one.Published = append(one.Published, adoption.Port{Host: p.Published, Inside: int(p.Target), UDP: p.Protocol == "udp"})
	}
	if len(one.Exposed) == 0 && s.Build != nil {
		one.Exposed = adoption.Exposes(dockerfileOf(s.Build, folder))
	}
	return one
}

// objects are the configs or secrets that are files.
func objects[T types.ConfigObjConfig | types.SecretConfig](all map[string]T) []types.FileObjectConfig {
	var files []types.FileObjectConfig
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if object := types.FileObjectConfig(all[name]); object.File != "" {
			files = append(files, object)
		}
	}
	return files
}

func mountsOf(s types.ServiceConfig) []adoption.Mount {
	var all []adoption.Mount
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeBind {
			all = append(all, adoption.Mount{Path: v.Source, ReadOnly: v.ReadOnly})
		}
	}
	return all
}

// portsIn reads those of expose that are one TCP port each.
func portsIn(expose []string) []int {
	var all []int
	for _, text := range expose {
		if n, err := strconv.Atoi(strings.TrimSuffix(text, "/tcp")); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// dockerfileOf is the text of what is built, empty when it cannot be read or is outside the folder.
func dockerfileOf(b *types.BuildConfig, folder policy.Folder) string {
	if b.DockerfileInline != "" || policy.RemoteContext(b.Context) {
		return b.DockerfileInline
	}
	path := b.Dockerfile
	if path == "" {
		path = adoption.Dockerfile
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(b.Context, path)
	}
	reach := folder.Reach(path)
	if !reach.Inside || policy.Readable(reach.Real) != nil {
		return ""
	}
	text, err := os.ReadFile(reach.Real)
	if err != nil {
		return ""
	}
	return string(text)
}

// missing are the limits that would be added to a service.
func missing(s types.ServiceConfig) adoption.Missing {
	m := adoption.Missing{InDeploy: limitsOfDeploy(&s) != nil}
	for _, added := range limit(&s) {
		word, _, _ := strings.Cut(added, " ")
		switch {
		case word == "mem_limit":
			m.Memory = true
		case word == "cpus":
			m.CPUs = true
		case word == "pids_limit":
			m.Pids = true
		case word == "no-new-privileges":
			m.NoNewPrivileges = true
		case strings.HasPrefix(added, "log max-size"):
			m.LogSize = true
		case strings.HasPrefix(added, "log max-file"):
			m.LogFiles = true
		}
	}
	return m
}

// Exposed are the TCP ports that an image says to listen at, none when the engine does not have it.
func (c *Compose) Exposed(ctx context.Context, image string) ([]int, error) {
	seen, err := c.cli.Client().ImageInspect(ctx, image)
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at image %s: %w", image, worded(err))
	}
	if seen.Config == nil {
		return nil, nil
	}
	return portsIn(slices.Sorted(maps.Keys(seen.Config.ExposedPorts))), nil
}
