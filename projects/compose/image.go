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
)

// refuseImages refuses images that publish themselves: a container has the labels of its image, which no compose file
// shows. Labels that the service sets itself are its own. An image that is not there yet is looked at once it is.
func (c *Compose) refuseImages(ctx context.Context, project *types.Project, trust policy.Trust) error {
	var found policy.Refused
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		service := project.Services[name]
		image := api.GetImageNameOrDefault(service, project.Name)
		labels, err := c.imageLabels(ctx, image)
		if err != nil {
			return fmt.Errorf("looking at image %s: %w", image, worded(err))
		}
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			if _, own := service.Labels[key]; own || !publishes(key, labels[key]) || trust.Has(policy.Labels) {
				continue
			}
			f := policy.Labels.Found("services."+name+".image", fmt.Sprintf("image %s has the label %q", image, key))
			f.File = project.ComposeFiles[0]
			f.Mend = fmt.Sprintf("set the label %s of the service yourself, or use an image without it", key)
			found = append(found, f)
		}
	}
	if len(found) > 0 {
		return found
	}
	return nil
}

// own reads a project as inspect does, and refuses to build images in the place of another project's: the names that
// Compose gives to those of project blog begin like those of project blog-shop. What Compose builds it labels.
func (c *Compose) own(ctx context.Context, s Subject) (*types.Project, Inspection, error) {
	project, seen, err := inspect(ctx, s)
	if err != nil || seen.Trust.Has(policy.ImageName) {
		return project, seen, err
	}
	var found policy.Refused
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		service := project.Services[name]
		if service.Build == nil {
			continue
		}
		for _, image := range append([]string{api.GetImageNameOrDefault(service, project.Name)}, service.Build.Tags...) {
			labels, err := c.imageLabels(ctx, image)
			if err != nil {
				return nil, seen, fmt.Errorf("looking at image %s: %w", image, worded(err))
			}
			if owner := labels[api.ProjectLabel]; owner != "" && owner != project.Name {
				f := policy.ImageName.Found("services."+name+".build", fmt.Sprintf("image %s was built for project %s", image, owner))
				f.File = project.ComposeFiles[0]
				f.Mend = fmt.Sprintf("give the service another name, or remove the image when nothing needs it: docker image rm %s", image)
				found = append(found, f)
			}
		}
	}
	if len(found) > 0 {
		return nil, seen, found
	}
	return project, seen, nil
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
		services = append(services, strings.TrimSuffix(strings.TrimPrefix(f.Where, "services."), ".image"))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err = c.service.Remove(ctx, project.Name, api.RemoveOptions{Project: project, Services: services, Force: true})
	if err == nil || errors.Is(err, api.ErrNoResources) {
		return nil
	}
	return fmt.Errorf("removing the containers of refused images: %w; mend with: docker compose -p %s rm", worded(err), project.Name)
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

// imageLabels are those of an image, none when the engine has no such image.
func (c *Compose) imageLabels(ctx context.Context, image string) (map[string]string, error) {
	seen, err := c.cli.Client().ImageInspect(ctx, image)
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if seen.Config == nil {
		return nil, nil
	}
	return seen.Config.Labels, nil
}
