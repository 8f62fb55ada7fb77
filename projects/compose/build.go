package compose

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/cli-plugins/manager"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/spf13/cobra"

	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/proxy/printable"
)

// build makes the images of the project's services that are built, each time again as far as the builder knows of no
// change: so that what runs is what the folder says. What the builder writes comes as events. Without the builder that
// Docker calls buildx the engine's own is used. An image gets its names when all are built, and none that has become
// another's meanwhile.
func (c *Compose) build(ctx context.Context, project *types.Project, trust policy.Trust) error {
	names := builtServices(project)
	if len(names) == 0 {
		return nil
	}
	c.said.forget()
	if !c.hasBuildKit() {
		if err := onlyForBuildKit(project, names); err != nil {
			return &BuildError{error: err}
		}
	}
	staged, err := stageImages(project)
	if err != nil {
		return err
	}
	c.said.events.hide(staged.shown())
	defer c.said.events.hide(nil)
	err = c.service.Build(ctx, staged.project, api.BuildOptions{
		Services: names, Deps: true, Progress: "plain", Memory: policy.MaxMemory, Out: c.said,
	})
	c.said.end()
	if err != nil {
		return errors.Join(c.buildError(ctx, names, err), c.unstage(ctx, staged))
	}
	err = c.refuseTaken(ctx, project, trust, staged.names())
	if err == nil {
		err = c.name(ctx, staged)
	}
	return errors.Join(err, c.unstage(ctx, staged))
}

// buildError says why a build failed, and what it wrote last.
func (c *Compose) buildError(ctx context.Context, names []string, err error) error {
	if ctx.Err() != nil {
		return &BuildError{worded(err), c.said.steps()}
	}
	fix := ""
	if buildKitMissed.MatchString(err.Error()) && !c.hasBuildKit() {
		fix = "; " + getBuildx
	}
	wrote := ""
	if lines := c.said.last(); len(lines) > 0 {
		wrote = "; the build wrote last:\n" + strings.Join(lines, "\n")
	}
	err = fmt.Errorf("building %s: %w%s%s", strings.Join(names, ", "), worded(err), fix, wrote)
	return &BuildError{err, c.said.steps()}
}

// getBuildx says what to do about a build that the engine's own builder cannot do.
const getBuildx = "that takes BuildKit, and this machine lacks the plugin docker-buildx: install docker-buildx-plugin (Docker's packages)" +
	" or docker-buildx (Debian and Ubuntu), or see https://docs.docker.com/go/buildx/"

// buildKitMissed is what the engine's own builder says of instructions that it does not know.
var buildKitMissed = regexp.MustCompile(`(?i)buildkit|buildx|unknown flag|failed to parse platform`)

// hasBuildKit reports whether builds are BuildKit's, as Compose decides it: else they are the engine's own builder's.
func (c *Compose) hasBuildKit() bool {
	if on, err := c.cli.BuildKitEnabled(); err != nil || !on {
		return false
	}
	_, err := manager.GetPlugin("buildx", c.cli, &cobra.Command{})
	return err == nil
}

// onlyForBuildKit refuses services that the engine's own builder would not build, or would make something else of.
func onlyForBuildKit(project *types.Project, names []string) error {
	for _, name := range names {
		b := project.Services[name].Build
		dockerfile := cmp.Or(b.Dockerfile, importer.Dockerfile)
		var what string
		switch {
		case b.DockerfileInline != "":
			dockerfile, what = "build", "dockerfile_inline"
		case len(b.AdditionalContexts) > 0:
			dockerfile, what = "build", "additional_contexts"
		case len(b.Secrets) > 0:
			dockerfile, what = "build", "secrets"
		default:
			what = needsBuildKit(dockerfileOf(b, func(path string) (string, bool) { return path, true }))
		}
		if what != "" {
			return fmt.Errorf("building %s: %s: %s: %s", name, dockerfile, what, getBuildx)
		}
	}
	return nil
}

// staged is a project whose images are built under names that nobody else knows, by the service.
type staged struct {
	project *types.Project
	images  map[string]stagedImage
}

// stagedImage is what an image is called while it is built, and what it will be called.
type stagedImage struct {
	now   string
	later []string
}

// stageImages changes the project so that each image is built under a temporary name, with labels of its project and
// service, by which it is found when the project is removed: not every builder sets them.
func stageImages(project *types.Project) (staged, error) {
	s := staged{images: map[string]stagedImage{}}
	for i, name := range builtServices(project) {
		s.images[name] = stagedImage{fmt.Sprintf("%s:%s-%d", policy.StagedImage, strings.ToLower(rand.Text()), i), imagesOf(project, name)}
	}
	var err error
	s.project, err = project.WithServicesTransform(func(name string, service types.ServiceConfig) (types.ServiceConfig, error) {
		if service.Build == nil {
			return service, nil
		}
		image := s.images[name]
		b := *service.Build
		b.Labels = types.Labels{}
		maps.Copy(b.Labels, service.Build.Labels)
		b.Labels[api.ProjectLabel] = project.Name
		// Of several services with one image, the one that it is named after: its name is found by that.
		b.Labels[api.ServiceLabel] = cmp.Or(policy.ServiceOfImage(project.Name, image.later[0]), name)
		b.Tags, service.Image = nil, image.now
		service.Build = &b
		return service, nil
	})
	return s, err
}

// names are those that the images will have.
func (s staged) names() []builtName {
	var all []builtName
	for _, service := range slices.Sorted(maps.Keys(s.images)) {
		for _, image := range s.images[service].later {
			all = append(all, builtName{service, image})
		}
	}
	return all
}

// shown replaces the names of the build with the names that the images will have.
func (s staged) shown() *strings.Replacer {
	var pairs []string
	for _, image := range s.images {
		pairs = append(pairs, image.now, image.later[0])
	}
	return strings.NewReplacer(pairs...)
}

// name gives the images their names.
func (c *Compose) name(ctx context.Context, s staged) error {
	for _, service := range slices.Sorted(maps.Keys(s.images)) {
		image := s.images[service]
		for _, later := range image.later {
			if err := c.engine.Images().Tag(ctx, image.now, later); err != nil {
				return err
			}
		}
	}
	return nil
}

// unstage takes the names of the build off the images. One without another name goes with it.
func (c *Compose) unstage(ctx context.Context, s staged) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var all error
	for _, image := range s.images {
		all = errors.Join(all, c.engine.Images().Remove(ctx, image.now))
	}
	return all
}

// BuildError is a build that failed.
type BuildError struct {
	error
	containers []string
}

// Unwrap returns the reason.
func (e *BuildError) Unwrap() error { return e.error }

// Leftovers are the containers that the builder may have left: the engine's own keeps the one whose command failed.
func (e *BuildError) Leftovers() []string { return e.containers }

// running is how the engine's own builder names the container of a step.
var running = regexp.MustCompile(`^ ---> Running in ([0-9a-f]{12,64})$`)

// lastLines is how much of a build is shown when it fails.
const lastLines = 20

// buildLog takes what builds write, line by line.
type buildLog struct {
	events *reporter

	mu    sync.Mutex
	rest  string
	lines []string
	// ran are the containers that steps ran in.
	ran []string
}

// Write never fails.
func (b *buildLog) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest += string(text)
	for {
		line, rest, whole := strings.Cut(b.rest, "\n")
		if !whole {
			return len(text), nil
		}
		b.rest = rest
		b.take(line)
	}
}

// take keeps one line and hands it on. The caller holds mu.
func (b *buildLog) take(line string) {
	// What is behind the last return is what a terminal would show.
	line = strings.TrimRight(line, "\r ")
	line = printable.Text(line[strings.LastIndexByte(line, '\r')+1:])
	if strings.TrimSpace(line) == "" {
		return
	}
	if found := running.FindStringSubmatch(line); found != nil {
		b.ran = append(b.ran, found[1])
	}
	b.lines = append(b.lines, line)
	if len(b.lines) > lastLines {
		b.lines = slices.Delete(b.lines, 0, 1)
	}
	b.events.say(Event{ID: "Build", Text: "Wrote", Details: line, Status: Wrote})
}

// forget is called before a build.
func (b *buildLog) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest, b.lines, b.ran = "", nil, nil
}

// end takes what is no whole line.
func (b *buildLog) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.take(b.rest)
	b.rest = ""
}

func (b *buildLog) last() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

func (b *buildLog) steps() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.ran)
}
