package compose

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"

	"gateway/proxy/docker"
)

// AllServices stands for every service in UpOptions.Replace.
const AllServices = "*"

// UpOptions say how Up goes about it.
type UpOptions struct {
	// Replace are the services whose containers are replaced although they are equal, such as for what they have mounted.
	Replace []string
	// Made says that the images are there, as after Images.
	Made bool
	// Stopped starts nothing: the containers that differ are replaced by ones that wait to be started.
	Stopped bool
	// Kept is a folder with the files of an Inspection.Texts, which are read in place of those of the project's folder;
	// empty reads these.
	Kept string
	// Only are the services to run, with those that they depend on; none means all.
	Only []string
}

// Up makes what runs equal to the project in dir, as the policy allows it, and returns when its containers run and those
// with a health check are healthy. Containers that are equal already are kept, but for those of services to replace. The
// error wraps ErrOverlap when a subnet is in use.
func (c *Compose) Up(ctx context.Context, dir, name string, o UpOptions) error {
	project, seen, err := c.own(ctx, Subject{Dir: dir, Name: name, Kept: o.Kept})
	if err != nil {
		return err
	}
	if len(o.Only) > 0 {
		if project, err = project.WithSelectedServices(o.Only); err != nil {
			return err
		}
	}
	if !o.Made {
		if err := c.build(ctx, project, seen.Trust); err != nil {
			return err
		}
	}
	if err := c.refuseImages(ctx, project, seen.Trust); err != nil {
		return err
	}
	if err := c.removeHalfMade(ctx, name); err != nil {
		return err
	}
	if err := c.service.Create(ctx, project, createOptions(project, o.Replace)); err != nil {
		return worded(err)
	}
	// Those that were pulled or built just now.
	if err := c.refuseImages(ctx, project, seen.Trust); err != nil {
		return errors.Join(err, c.discard(ctx, project, err))
	}
	if o.Stopped {
		return nil
	}
	return c.start(ctx, name, project)
}

// createOptions replace what differs, and the services to replace.
func createOptions(project *types.Project, replace []string) api.CreateOptions {
	o := api.CreateOptions{RemoveOrphans: true, Recreate: api.RecreateDiverged, RecreateDependencies: api.RecreateDiverged, Inherit: true}
	if slices.Contains(replace, AllServices) {
		o.Recreate, o.RecreateDependencies = api.RecreateForce, api.RecreateForce
		return o
	}
	o.Services = slices.DeleteFunc(slices.Clone(replace), func(name string) bool { return !slices.Contains(project.ServiceNames(), name) })
	if len(o.Services) > 0 {
		o.Recreate = api.RecreateForce
	}
	return o
}

// halfMade is the name that Compose gives to a container until the one that it replaces is gone.
var halfMade = regexp.MustCompile(`^[0-9a-f]{12}_`)

// removeHalfMade removes the containers of replacements that were interrupted: they never ran, and keep Compose from making
// others of their names.
func (c *Compose) removeHalfMade(ctx context.Context, name string) error {
	containers, err := c.engine.Containers(ctx, api.ProjectLabel+"="+name)
	if err != nil {
		return err
	}
	for _, container := range containers {
		if container.State != "created" || !halfMade.MatchString(container.Name) {
			continue
		}
		if err := c.engine.Remove(ctx, container.ID, docker.OwnTimeout); err != nil {
			return fmt.Errorf("removing container %s of an interrupted replacement: %w", container.Name, err)
		}
	}
	return nil
}

// Images builds the images of the project in dir, and pulls those that the engine lacks. It touches no container.
func (c *Compose) Images(ctx context.Context, dir, name string) error {
	project, seen, err := c.own(ctx, Subject{Dir: dir, Name: name})
	if err != nil {
		return err
	}
	if err := c.build(ctx, project, seen.Trust); err != nil {
		return err
	}
	missing, err := c.missing(ctx, project)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		lacking, err := project.WithSelectedServices(missing, types.IgnoreDependencies)
		if err != nil {
			return err
		}
		if err := c.service.Pull(ctx, lacking, api.PullOptions{Quiet: true}); err != nil {
			return worded(err)
		}
	}
	return c.refuseImages(ctx, project, seen.Trust)
}

// missing are the services whose images would be pulled, and are not there.
func (c *Compose) missing(ctx context.Context, project *types.Project) ([]string, error) {
	var all []string
	for _, name := range project.ServiceNames() {
		service := project.Services[name]
		if service.Build != nil || service.Image == "" || service.PullPolicy == types.PullPolicyNever {
			continue
		}
		seen, err := c.imageOf(ctx, service.Image)
		if err != nil {
			return nil, fmt.Errorf("looking at image %s: %w", service.Image, worded(err))
		}
		if !seen.exists {
			all = append(all, name)
		}
	}
	return all, nil
}
