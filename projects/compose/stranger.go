package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/compose/v5/pkg/api"

	"gateway/projects/policy"
	"gateway/proxy/docker"
)

// strangersImages refuses images that the engine built for another project: they hold that project's files, and one with
// the name of a well-known image would run in its place. An image that somebody built with Compose and pushed to a
// registry has such a label, too, and is harmless: it was pulled by a name with a registry's user in it.
func (c *Compose) strangersImages(ctx context.Context, project *types.Project, trust policy.Trust) (policy.Refused, error) {
	if trust.Has(policy.ImageName) {
		return nil, nil
	}
	var found policy.Refused
	uses, err := imageUses(project)
	if err != nil {
		return nil, err
	}
	for _, use := range uses {
		seen, err := c.imageOf(ctx, use.image)
		if errdefs.IsInvalidArgument(err) {
			continue // The name is none, as whoever needs the image will say.
		}
		if err != nil {
			return nil, fmt.Errorf("looking at image %s: %w", use.image, worded(err))
		}
		owner := strangerOf(use.image, seen, project)
		if owner == "" {
			continue
		}
		f := policy.ImageName.Found(use.where, fmt.Sprintf("image %s was built here for project %s", use.image, owner))
		f.File = project.ComposeFiles[0]
		if f.Fix = "use another image"; policy.ServiceOfImage(owner, familiar(use.image)) == "" {
			f.Fix = fmt.Sprintf("use another image, or let the engine fetch the real one: docker image rm %s && docker pull %s", use.image, use.image)
		}
		found = append(found, f)
	}
	return found, nil
}

// strangerOf is the other project that an image was built here for, or empty.
func strangerOf(image string, seen imageFacts, project *types.Project) string {
	owner := seen.labels[api.ProjectLabel]
	if owner == project.Name || seen.pulled && strings.Contains(familiar(image), "/") && !ofTemplate(project) {
		return ""
	}
	return owner
}

// familiar is the name of an image without the registry and the user that are meant when a name has none.
func familiar(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image // such as an id
	}
	return reference.FamiliarString(named)
}

// ofTemplate reports whether a template made the project: its images are pulled by hand or by the engine, and never built.
func ofTemplate(project *types.Project) bool {
	said, _ := project.Extensions["x-gateway"].(map[string]any)
	template, _ := said["template"].(string)
	return template != "" && template != composeTemplate
}

// composeTemplate is the template of projects that are imported.
const composeTemplate = "compose"

// imageUse is an image that a project takes without building it.
type imageUse struct{ image, where string }

// imageUses are all images that a project names, those in its Dockerfiles among them, but for those that it builds. The
// error is of a Dockerfile that cannot be read.
func imageUses(project *types.Project) ([]imageUse, error) {
	var all []imageUse
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		s := project.Services[name]
		at := "services." + name
		if s.Build == nil && s.Image != "" {
			all = append(all, imageUse{s.Image, at + ".image"})
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeImage && v.Source != "" {
				all = append(all, imageUse{v.Source, at + ".volumes"})
			}
		}
		if s.Build == nil {
			continue
		}
		for _, extra := range s.Build.AdditionalContexts {
			if image, is := strings.CutPrefix(extra, "docker-image://"); is {
				all = append(all, imageUse{image, at + ".build"})
			}
		}
		for _, cache := range s.Build.CacheFrom {
			all = append(all, imageUse{strings.TrimPrefix(cache, "type=registry,ref="), at + ".build"})
		}
		if path := dockerfilePath(s.Build); s.Build.DockerfileInline == "" && !policy.RemoteContext(s.Build.Context) {
			if err := policy.Readable(path); err != nil {
				return nil, fmt.Errorf("service %s: %s: %w", name, path, err)
			}
		}
		for _, image := range imagesIn(dockerfileOf(s.Build, func(path string) (string, bool) { return path, true }), s.Build.Args) {
			if _, named := s.Build.AdditionalContexts[image]; !named {
				all = append(all, imageUse{image, at + ".build"})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b imageUse) int { return strings.Compare(a.where+a.image, b.where+b.image) })
	return slices.Compact(all), nil
}

// refuseOthers refuses volumes, networks and containers of the engine that have the name of one of the project's, and were
// made for somebody else: Compose would take the first two over.
func (c *Compose) refuseOthers(ctx context.Context, project *types.Project, seen Inspection) error {
	var found policy.Refused
	note := func(kind, key, name string, labels map[string]string) {
		if owner := labels[api.ProjectLabel]; owner != project.Name {
			f := policy.External.Found(kind+"s."+key, fmt.Sprintf("%s %s %s", kind, name, ownedBy(owner)))
			f.Fix = fmt.Sprintf("give the %s another key in the file, or the project another name", kind)
			found = append(found, seen.Located(f))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(project.Volumes)) {
		volume := project.Volumes[key]
		if volume.External {
			continue
		}
		labels, err := c.engine.VolumeLabels(ctx, volume.Name)
		if err == nil {
			note("volume", key, volume.Name, labels)
		} else if !errors.Is(err, docker.ErrNotFound) {
			return err
		}
	}
	networks, err := c.engine.Networks(ctx)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(project.Networks)) {
		network := project.Networks[key]
		at := slices.IndexFunc(networks, func(n docker.Network) bool { return n.Name == network.Name })
		if at >= 0 && !bool(network.External) {
			note("network", key, network.Name, networks[at].Labels)
		}
	}
	if _, refused := seen.Trust.Split(found); len(refused) > 0 {
		return policy.Refused(refused)
	}
	return c.refuseContainers(ctx, project)
}

func ownedBy(project string) string {
	if project == "" {
		return "is there already and was not made for this project"
	}
	return "is project " + project + "'s"
}

// refuseContainers refuses services whose containers would have the names of others.
func (c *Compose) refuseContainers(ctx context.Context, project *types.Project) error {
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		service := project.Services[name]
		for n := 1; n <= service.GetScale(); n++ {
			container := cmp.Or(service.ContainerName, fmt.Sprintf("%s-%s-%d", project.Name, name, n))
			got, err := c.engine.Container(ctx, container)
			// An engine also finds a container by the beginning of its id.
			if errors.Is(err, docker.ErrNotFound) || err == nil && got.Name != container {
				continue
			}
			if err != nil {
				return err
			}
			if owner := got.Labels[api.ProjectLabel]; owner != project.Name {
				return fmt.Errorf("service %s: its container would be called %s, and container %s %s; give the service or the project another name",
					name, container, container, ownedBy(owner))
			}
		}
	}
	return nil
}
