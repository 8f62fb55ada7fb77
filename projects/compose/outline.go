package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"

	"gateway/projects/composefile"
	"gateway/projects/importer"
	"gateway/projects/policy"
)

// Files names the files that Compose reads in the imported folder, in its order: those of COMPOSE_FILE in its .env, else the
// usual ones. There are none when it has a Dockerfile alone.
func Files(dir string) ([]string, error) {
	prepare()
	given := dir
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	env, err := dotenvOf(dir)
	if err != nil {
		return nil, err
	}
	list := env[consts.ComposeFilePath]
	if list == "" {
		return importer.Find(given)
	}
	said := func(format string, args ...any) error {
		return fmt.Errorf("%s: COMPOSE_FILE says %q: %s", filepath.Join(dir, ".env"), list, fmt.Sprintf(format, args...))
	}
	var files []string
	for name := range strings.SplitSeq(list, cmp.Or(env[consts.ComposePathSeparator], string(os.PathListSeparator))) {
		if rel, err := filepath.Rel(dir, name); err == nil && filepath.IsAbs(name) {
			name = rel
		}
		name = filepath.Clean(name)
		info, err := os.Stat(filepath.Join(dir, name))
		switch {
		case !filepath.IsLocal(name):
			return nil, said("%s is not in the folder; copy it there", name)
		case err != nil || !info.Mode().IsRegular():
			return nil, said("there is no file %s", name)
		case len(files) == 0 && filepath.Dir(name) != ".":
			return nil, said("Compose would take %s for the project's folder; name that one, with a COMPOSE_FILE of its own", filepath.Join(dir, filepath.Dir(name)))
		}
		files = append(files, filepath.ToSlash(name))
	}
	return files, nil
}

// dotenvOf are the variables of the .env of a folder, none when there is none that could be read.
func dotenvOf(dir string) (map[string]string, error) {
	path := filepath.Join(dir, ".env")
	folder, err := policy.OpenFolder(dir)
	if err != nil {
		// Who looks for the files says what is wrong with the folder.
		return nil, nil
	}
	reach := folder.Reach(path)
	if !reach.Inside || policy.Readable(reach.Real) != nil {
		return nil, nil
	}
	text, err := os.ReadFile(reach.Real)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	vars := map[string]string{}
	if err == nil {
		_, err = readDotenv(text, vars, map[string]string{"PWD": dir})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return vars, nil
}

// Outline reads imported compose files where they lie, in the order in which they override each other, as a project of
// that name would be made of them. Nothing outside their folder is read, and what would have to be is refused; all other
// rules wait until the project is in place, with what is left out of it. The engine is not asked.
func Outline(ctx context.Context, dir, name string, files []string) (importer.Outline, error) {
	prepare()
	outline := importer.Outline{}
	report, err := policy.Check(policy.Source{
		Dir: dir, Name: name, Wrapped: policy.Wrapped{Files: files}, Foreign: true,
		Env: map[string]string{consts.ComposeProjectName: name}, Language: language(),
	})
	if err != nil {
		return outline, located(filepath.Join(dir, files[0]), err)
	}
	if err := report.Refused(); err != nil {
		return outline, err
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

func nameIn(text []byte) string {
	file, err := composefile.Parse(text)
	if err != nil {
		return ""
	}
	name, _ := file.Get("name")
	return name
}

func describe(o *importer.Outline, project *types.Project, folder policy.Folder) {
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		o.Services = append(o.Services, outlineOf(project.Services[name], folder))
	}
	for _, name := range slices.Sorted(maps.Keys(project.DisabledServices)) {
		o.Off = append(o.Off, outlineOf(project.DisabledServices[name], folder))
	}
	for _, object := range slices.Concat(objects(project.Configs), objects(project.Secrets)) {
		o.Idle = append(o.Idle, importer.Mount{Path: object.File, ReadOnly: true})
	}
	for _, name := range slices.Sorted(maps.Keys(project.Networks)) {
		network := project.Networks[name]
		o.Networks = append(o.Networks, name)
		if bool(network.External) || len(network.Ipam.Config) > 0 {
			o.Addressed = append(o.Addressed, name)
		}
	}
}

func outlineOf(s types.ServiceConfig, folder policy.Folder) importer.Service {
	one := importer.Service{
		Name: s.Name, Image: s.Image, Builds: s.Build != nil, ContainerName: s.ContainerName, Restart: s.Restart,
		NetworkMode: s.NetworkMode, Labels: s.Labels, Exposed: portsIn(s.Expose), Missing: missing(s),
	}
	if s.Restart == "" && s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		one.Restart = cmp.Or(s.Deploy.RestartPolicy.Condition, "any")
	}
	if s.Networks != nil {
		one.Networks = slices.Sorted(maps.Keys(s.Networks))
	}
	one.Mounts = mountsOf(s)
	for _, p := range s.Ports {
		one.Published = append(one.Published, importer.Port{Host: p.Published, Inside: int(p.Target), UDP: p.Protocol == "udp"})
	}
	if len(one.Exposed) == 0 && s.Build != nil {
		text := dockerfileOf(s.Build, func(path string) (string, bool) {
			reach := folder.Reach(path)
			return reach.Real, reach.Inside
		})
		one.Exposed = exposes(text, s.Build.Target, s.Build.Args)
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

func mountsOf(s types.ServiceConfig) []importer.Mount {
	var all []importer.Mount
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeBind {
			all = append(all, importer.Mount{Path: v.Source, ReadOnly: v.ReadOnly})
		}
	}
	return all
}

// portsIn reads the TCP ports of expose, each once.
func portsIn(expose []string) []int {
	var all []int
	for _, text := range expose {
		all = append(all, tcpPorts(text)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// OutlineDockerfile is the outline of a folder that has a Dockerfile alone: one service that is built.
func OutlineDockerfile(dir string) importer.Outline {
	s := importer.Service{Name: importer.App, Builds: true}
	// One that cannot be read is the builder's to complain of.
	text := dockerfileOf(&types.BuildConfig{Context: dir}, func(path string) (string, bool) {
		real, err := filepath.EvalSymlinks(path)
		return real, err == nil && policy.Within(dir, real)
	})
	s.Exposed = exposes(text, "", nil)
	return importer.Outline{Services: []importer.Service{s}}
}

// Exposed are the TCP ports that an image says to listen at; found reports whether the engine has it.
func (c *Compose) Exposed(ctx context.Context, image string) (ports []int, found bool, err error) {
	seen, err := c.cli.Client().ImageInspect(ctx, image)
	if errdefs.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("looking at image %s: %w", image, worded(err))
	}
	if seen.Config == nil {
		return nil, true, nil
	}
	return portsIn(slices.Sorted(maps.Keys(seen.Config.ExposedPorts))), true, nil
}

// Prepare builds or pulls the image of one service of the project in dir, as Up would, and returns the TCP ports that it
// says to listen at.
func (c *Compose) Prepare(ctx context.Context, dir, name, service string) ([]int, error) {
	project, seen, err := c.own(ctx, Subject{Dir: dir, Name: name})
	if err != nil {
		return nil, err
	}
	if project, err = project.WithSelectedServices([]string{service}, types.IgnoreDependencies); err != nil {
		return nil, err
	}
	image := api.GetImageNameOrDefault(project.Services[service], name)
	_, found, err := c.Exposed(ctx, image)
	switch {
	case err != nil:
		return nil, err
	case project.Services[service].Build != nil:
		err = c.build(ctx, project, seen.Trust)
	case !found:
		err = worded(c.service.Pull(ctx, project, api.PullOptions{Quiet: true}))
	}
	if err != nil {
		return nil, err
	}
	if err := c.refuseImages(ctx, project, seen.Trust); err != nil {
		return nil, err
	}
	ports, _, err := c.Exposed(ctx, image)
	return ports, err
}
