package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"

	"gateway/projects/policy"
	"gateway/proxy/docker"
)

// refuseImages refuses images that publish themselves: a container has the labels of its image, which no compose file
// shows. Labels that the service sets itself are its own. An image that is not there yet is looked at once it is.
func (c *Compose) refuseImages(ctx context.Context, project *types.Project, trust policy.Trust) error {
	var found policy.Refused
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		service := project.Services[name]
		image := api.GetImageNameOrDefault(service, project.Name)
		seen, err := c.imageOf(ctx, image)
		if err != nil {
			return fmt.Errorf("looking at image %s: %w", image, worded(err))
		}
		for _, key := range slices.Sorted(maps.Keys(seen.labels)) {
			if _, own := service.Labels[key]; own || !publishes(key, seen.labels[key]) || trust.Has(policy.Labels) {
				continue
			}
			f := policy.Labels.Found("services."+name+".image", fmt.Sprintf("image %s has the label %q", image, key))
			f.File = project.ComposeFiles[0]
			f.Fix = fmt.Sprintf("set the label %s of the service yourself, or use an image without it", key)
			found = append(found, f)
		}
	}
	strangers, err := c.strangersImages(ctx, project, trust)
	if err != nil {
		return err
	}
	found = append(found, strangers...)
	if len(found) > 0 {
		return found
	}
	return nil
}

// own reads a project as inspect does, and refuses what would be another's because of its name: the names that Compose
// gives to things of project blog begin like those of project blog-shop. What Compose makes it labels.
func (c *Compose) own(ctx context.Context, s Subject) (*types.Project, Inspection, error) {
	project, seen, err := inspect(ctx, s)
	if err != nil {
		return project, seen, err
	}
	var names []builtName
	for _, name := range builtServices(project) {
		for _, image := range imagesOf(project, name) {
			names = append(names, builtName{name, image})
		}
	}
	if err := c.refuseTaken(ctx, project, seen.Trust, names); err != nil {
		return nil, seen, err
	}
	// A build would have the files of others before there is an image to look at.
	strangers, err := c.strangersImages(ctx, project, seen.Trust)
	if err != nil {
		return nil, seen, err
	}
	if len(strangers) > 0 {
		for i, f := range strangers {
			strangers[i] = seen.Located(f)
		}
		return nil, seen, strangers
	}
	if err := c.refuseOthers(ctx, project, seen); err != nil {
		return nil, seen, err
	}
	return project, seen, nil
}

// builtServices are the names of the services that are built, sorted.
func builtServices(project *types.Project) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(project.Services)), func(name string) bool { return project.Services[name].Build == nil })
}

// imagesOf are the names that a service is built under.
func imagesOf(project *types.Project, service string) []string {
	s := project.Services[service]
	return append([]string{api.GetImageNameOrDefault(s, project.Name)}, s.Build.Tags...)
}

// builtName is an image name that a service is built under.
type builtName struct{ service, image string }

// refuseTaken refuses to build under a name that has an image already which was not built for the project. An image that
// the service's own containers were made of was.
func (c *Compose) refuseTaken(ctx context.Context, project *types.Project, trust policy.Trust, names []builtName) error {
	if trust.Has(policy.ImageName) {
		return nil
	}
	var found policy.Refused
	for _, n := range names {
		seen, err := c.imageOf(ctx, n.image)
		if err != nil {
			return fmt.Errorf("looking at image %s: %w", n.image, worded(err))
		}
		owner := seen.labels[api.ProjectLabel]
		if !seen.exists || owner == project.Name {
			continue
		}
		// One from a registry was not built: a project that runs mongo-express must not take over its name.
		if owner == "" && !seen.pulled {
			runs, err := c.runs(ctx, project.Name, n.service, seen.id)
			if err != nil {
				return err
			}
			if runs {
				continue
			}
		}
		text := fmt.Sprintf("image %s is there already and was not built for this project", n.image)
		if owner != "" {
			text = fmt.Sprintf("image %s was built for project %s", n.image, owner)
		}
		f := policy.ImageName.Found("services."+n.service+".build", text)
		f.File = project.ComposeFiles[0]
		f.Fix = fmt.Sprintf("give the service another name, or remove the image when nothing needs it: docker image rm %s", n.image)
		found = append(found, f)
	}
	if len(found) > 0 {
		return found
	}
	return nil
}

// runs reports whether a container of a project's service was made of an image. Docker Compose builds such images, too, and
// with the engine's own builder it gives them no label of the project.
func (c *Compose) runs(ctx context.Context, project, service, image string) (bool, error) {
	containers, err := c.engine.Containers(ctx, api.ProjectLabel+"="+project, api.ServiceLabel+"="+service)
	if err != nil {
		return false, fmt.Errorf("looking for containers of image %s: %w", image, err)
	}
	return slices.ContainsFunc(containers, func(c docker.Container) bool { return c.ImageID == image }), nil
}

// discard removes the containers that were made of refused images and never started: a later start would not look at
// the images again.
func (c *Compose) discard(ctx context.Context, project *types.Project, err error) error {
	refused, ok := errors.AsType[policy.Refused](err)
	if !ok {
		return nil
	}
	var services []string
	for _, f := range refused {
		service := strings.TrimPrefix(f.Where, "services.")
		for _, key := range []string{".image", ".volumes", ".build"} {
			service = strings.TrimSuffix(service, key)
		}
		services = append(services, service)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err = c.service.Remove(ctx, project.Name, api.RemoveOptions{Project: project, Services: services, Force: true})
	if err == nil || errors.Is(err, api.ErrNoResources) {
		return nil
	}
	return fmt.Errorf("removing the containers of refused images: %w; fix it with: gateway deploy %s", worded(err), project.Name)
}

// publishes reports whether a label of an image would make a route, or is not for a project to set. What Compose labels
// the images that it builds with, it sets on every container itself.
func publishes(key, value string) bool {
	key = strings.ToLower(key)
	if strings.HasPrefix(key, "com.docker.compose.") {
		return false
	}
	return strings.HasPrefix(key, "gateway.") || policy.ClaimedLabel(key, value) != "" && !strings.HasPrefix(key, "com.docker.")
}

// imageFacts is what an engine knows of an image.
type imageFacts struct {
	exists bool
	id     string
	labels map[string]string
	// volumes are the folders that it keeps data in.
	volumes map[string]struct{}
	// pulled says that the image came from a registry. Engines that keep images by containerd say so of all.
	pulled bool
}

// imageOf looks at an image, which the engine need not have.
func (c *Compose) imageOf(ctx context.Context, image string) (imageFacts, error) {
	seen, err := c.cli.Client().ImageInspect(ctx, image)
	if errdefs.IsNotFound(err) {
		return imageFacts{}, nil
	}
	if err != nil {
		return imageFacts{}, err
	}
	facts := imageFacts{exists: true, id: seen.ID, pulled: len(seen.RepoDigests) > 0}
	if seen.Config != nil {
		facts.labels, facts.volumes = seen.Config.Labels, seen.Config.Volumes
	}
	return facts, nil
}
