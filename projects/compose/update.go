package compose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli/command"
	"github.com/docker/compose/v5/pkg/api"
)

// ImageLabel is how Compose notes on a container the ID of the image that its service had then.
const ImageLabel = api.ImageDigestLabel

// ServiceImage is the image of one service, here and in its registry.
type ServiceImage struct {
	Service, Image string
	// ID is the image that the engine has of that name, empty for none, and Digest the registry's digest of it.
	ID, Digest string
	// Newer is the digest that the registry has, empty when it is the one here.
	Newer string
	// Kept says why the image is never pulled, empty when it may be.
	Kept string
	// Err says why the registry could not be asked.
	Err error
}

// NewerImages compares the images of a project's services with those of their registries. It pulls nothing.
func (c *Compose) NewerImages(ctx context.Context, dir, name string) ([]ServiceImage, error) {
	project, _, err := c.own(ctx, Subject{Dir: dir, Name: name})
	if err != nil {
		return nil, err
	}
	var all []ServiceImage
	asked := map[string]ServiceImage{}
	for _, service := range slices.Sorted(maps.Keys(project.Services)) {
		s := project.Services[service]
		image := ServiceImage{Service: service, Image: api.GetImageNameOrDefault(s, name), Kept: kept(s)}
		if known, is := asked[image.Image]; is && image.Kept == "" {
			known.Service = service
			all = append(all, known)
			continue
		}
		if image, err = c.compare(ctx, image); err != nil {
			return nil, err
		}
		if image.Kept == "" {
			asked[image.Image] = image
		}
		all = append(all, image)
	}
	return all, nil
}

// kept says why the image of a service is never pulled, or nothing.
func kept(s types.ServiceConfig) string {
	switch {
	case s.Build != nil:
		return "it is built from the project's files"
	case s.PullPolicy == types.PullPolicyNever || s.PullPolicy == types.PullPolicyBuild:
		return "its pull_policy is " + s.PullPolicy
	case strings.Contains(s.Image, "@"):
		return "its digest is fixed in compose.yaml"
	}
	return ""
}

// compare looks at an image on the engine and, where it may be pulled, in its registry.
func (c *Compose) compare(ctx context.Context, image ServiceImage) (ServiceImage, error) {
	seen, err := c.cli.Client().ImageInspect(ctx, image.Image)
	if err != nil && !errdefs.IsNotFound(err) {
		return image, fmt.Errorf("looking at image %s: %w", image.Image, worded(err))
	}
	image.ID = seen.ID
	var digests []string
	for _, known := range seen.RepoDigests {
		_, digest, _ := strings.Cut(known, "@")
		digests = append(digests, digest)
		image.Digest = digest
	}
	if image.Kept != "" {
		return image, nil
	}
	auth, err := command.RetrieveAuthTokenFromImage(c.cli.ConfigFile(), image.Image)
	if err != nil {
		return image, fmt.Errorf("reading the account for image %s: %w", image.Image, err)
	}
	newest, err := c.engine.Images().Newest(ctx, image.Image, auth)
	if ctx.Err() != nil {
		return image, ctx.Err()
	}
	if err != nil {
		image.Err = worded(err)
		return image, nil
	}
	if !slices.Contains(digests, newest) {
		image.Newer = newest
	}
	return image, nil
}

// Pull pulls the image of one service, whatever its pull_policy is, and replaces nothing.
func (c *Compose) Pull(ctx context.Context, dir, name, service string) error {
	project, _, err := c.own(ctx, Subject{Dir: dir, Name: name})
	if err != nil {
		return err
	}
	if project, err = project.WithSelectedServices([]string{service}, types.IgnoreDependencies); err != nil {
		return fmt.Errorf("pulling the image of service %s: %w", service, err)
	}
	s := project.Services[service]
	s.PullPolicy = types.PullPolicyAlways
	project.Services[service] = s
	return worded(c.service.Pull(ctx, project, api.PullOptions{}))
}
