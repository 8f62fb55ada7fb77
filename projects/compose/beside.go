package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	sdk "github.com/docker/compose/v5/pkg/compose"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// Rollout is what has to change for a project's containers to be what its folder says.
type Rollout struct {
	// Services are those that get new containers, sorted.
	Services []string
	// Replaces are the full ids of the containers that go: those of these services, and of services that are no more.
	Replaces []string
	// Alone says why new containers cannot run beside those that they replace, as in "service db writes to volume data".
	// It is empty when they can.
	Alone string
}

// None reports that nothing has to change.
func (r Rollout) None() bool { return len(r.Services) == 0 && len(r.Replaces) == 0 }

// Compare finds out what Up would change, after it has built and pulled images that are not there, unless o.Made. Where it is
// not sure, it names a service.
func (c *Compose) Compare(ctx context.Context, dir, name string, o UpOptions) (Rollout, error) {
	if !o.Made {
		if err := c.Images(ctx, dir, name); err != nil {
			return Rollout{}, err
		}
	}
	project, _, err := c.own(ctx, Subject{Dir: dir, Name: name, Kept: o.Kept})
	if err != nil {
		return Rollout{}, err
	}
	there, err := c.there(ctx, name)
	if err != nil {
		return Rollout{}, err
	}
	var r Rollout
	for _, service := range project.ServiceNames() {
		s, now := project.Services[service], there[service]
		wanted := s.GetScale()
		changed := len(now) == 0 && wanted > 0 || replaces(o.Replace, service)
		for _, container := range now {
			differs, err := c.differs(ctx, project, s, container)
			if err != nil {
				return Rollout{}, err
			}
			changed = changed || differs
		}
		if !changed && len(now) == wanted {
			continue
		}
		r.Services = append(r.Services, service)
		if r.Alone == "" {
			if r.Alone, err = c.alone(ctx, project, s, now); err != nil {
				return Rollout{}, err
			}
		}
		for _, container := range now {
			r.Replaces = append(r.Replaces, container.ID)
		}
	}
	slices.Sort(r.Services)
	r.orphans(project, there)
	if r.Alone == "" {
		r.Alone, err = c.networksDiffer(ctx, project)
	}
	return r, err
}

// there are the containers of a project's services; those of a single run are nobody's.
func (c *Compose) there(ctx context.Context, name string) (map[string][]docker.Container, error) {
	all, err := c.engine.Containers(ctx, api.ProjectLabel+"="+name)
	if err != nil {
		return nil, err
	}
	there := map[string][]docker.Container{}
	for _, container := range all {
		if container.Labels[api.OneoffLabel] != "True" {
			service := container.Labels[api.ServiceLabel]
			there[service] = append(there[service], container)
		}
	}
	return there, nil
}

func replaces(chosen []string, service string) bool {
	return slices.Contains(chosen, AllServices) || slices.Contains(chosen, service)
}

// differs reports whether a container is not what its service says, by what Compose compares.
func (c *Compose) differs(ctx context.Context, project *types.Project, s types.ServiceConfig, container docker.Container) (bool, error) {
	hash, err := sdk.ServiceHash(s)
	if err != nil || container.Labels[api.ConfigHashLabel] != hash {
		return true, err
	}
	image, err := c.imageOf(ctx, api.GetImageNameOrDefault(s, project.Name))
	if err != nil {
		return false, fmt.Errorf("looking at the image of service %s: %w", s.Name, worded(err))
	}
	// A service for one platform has the digest of that platform's part.
	if s.Platform == "" && container.Labels[api.ImageDigestLabel] != image.id {
		return true, nil
	}
	if container.State != "running" {
		return false, nil
	}
	for key := range s.Networks {
		network := project.Networks[key].Name
		if !slices.ContainsFunc(container.Networks, func(a docker.Attachment) bool { return a.Network == network }) {
			return true, nil
		}
	}
	return false, nil
}

// orphans adds the containers of services that are no more. A new service may write to what they do.
func (r *Rollout) orphans(project *types.Project, there map[string][]docker.Container) {
	known := project.AllServices()
	for _, service := range slices.Sorted(maps.Keys(there)) {
		if _, is := known[service]; is {
			continue
		}
		for _, container := range there[service] {
			r.Replaces = append(r.Replaces, container.ID)
		}
		for _, added := range r.Services {
			if volume := writes(project.Services[added]); volume != "" && r.Alone == "" {
				r.Alone = fmt.Sprintf("service %s writes to %s, as service %s may", added, volume, service)
			}
		}
	}
}

// networksDiffer says which network has to be made again, for which all containers on it stop.
func (c *Compose) networksDiffer(ctx context.Context, project *types.Project) (string, error) {
	all, err := c.engine.Networks(ctx)
	if err != nil {
		return "", err
	}
	for _, key := range slices.Sorted(maps.Keys(project.Networks)) {
		wanted := project.Networks[key]
		hash, err := sdk.NetworkHash(&wanted)
		if err != nil {
			return "", err
		}
		for _, n := range all {
			if n.Labels[api.ProjectLabel] != project.Name || n.Labels[api.NetworkLabel] != key || n.Labels[api.ConfigHashLabel] == "" {
				continue
			}
			if n.Labels[api.ConfigHashLabel] != hash {
				return fmt.Sprintf("network %s is made again", n.Name), nil
			}
		}
	}
	return "", nil
}

// alone says why a service cannot have new containers beside those there are, or nothing. The author of the file has the
// last word: deploy.update_config.order.
func (c *Compose) alone(ctx context.Context, project *types.Project, s types.ServiceConfig, now []docker.Container) (string, error) {
	if reason := besideNever(project, s, len(now) > 0); reason != "" {
		return fmt.Sprintf("service %s %s", s.Name, reason), nil
	}
	order := ""
	if s.Deploy != nil && s.Deploy.UpdateConfig != nil {
		order = s.Deploy.UpdateConfig.Order
	}
	switch {
	case len(now) == 0 || order == "start-first":
		return "", nil
	case order == "stop-first":
		return fmt.Sprintf("service %s says so (update_config.order)", s.Name), nil
	case !label.Ours(s.Labels) && !slices.ContainsFunc(now, func(c docker.Container) bool { return !strings.HasPrefix(c.Status, "Exited (0)") }):
		return "", nil // A job that ended.
	case !label.Ours(s.Labels):
		return fmt.Sprintf("service %s has no route, so that others of the project reach it by its name alone", s.Name), nil
	}
	if volume := writes(s); volume != "" {
		return fmt.Sprintf("service %s writes to %s", s.Name, volume), nil
	}
	kept, err := c.keeps(ctx, project, s)
	if kept != "" {
		kept = fmt.Sprintf("service %s keeps data in %s", s.Name, kept)
	}
	return kept, err
}

// besideNever says what of a service there can be once alone, and what Compose does for a service as a whole.
func besideNever(project *types.Project, s types.ServiceConfig, replaced bool) string {
	fixed := slices.ContainsFunc(slices.Collect(maps.Values(s.Networks)), func(n *types.ServiceNetworkConfig) bool {
		return n != nil && (n.Ipv4Address != "" || n.Ipv6Address != "" || n.MacAddress != "")
	})
	inline := slices.ContainsFunc(s.Secrets, func(ref types.ServiceSecretConfig) bool { return project.Secrets[ref.Source].File == "" }) ||
		slices.ContainsFunc(s.Configs, func(ref types.ServiceConfigObjConfig) bool { return project.Configs[ref.Source].File == "" })
	restarts := project.GetDependentsForService(s, func(d types.ServiceDependency) bool { return d.Restart })
	switch {
	case s.Provider != nil || len(s.Models) > 0 || s.UseAPISocket:
		return "is run by Compose alone"
	case len(s.PreStart)+len(s.PostStart)+len(s.PreStop) > 0:
		return "has hooks"
	case inline:
		return "has a secret or config that is no file"
	case s.GetScale() == 0:
		return "has no containers any more"
	case !replaced:
		return ""
	case s.ContainerName != "":
		return "has a container_name"
	case len(s.Ports) > 0:
		return "publishes a port"
	case fixed:
		return "has a fixed address"
	case s.NetworkMode != "" || s.Pid != "" || s.Ipc != "" || len(s.VolumesFrom)+len(s.Links) > 0:
		return "shares something of another container"
	case len(restarts) > 0:
		return "is one that service " + restarts[0] + " restarts with"
	}
	for _, other := range project.Services {
		if slices.Contains([]string{other.NetworkMode, other.Pid, other.Ipc}, types.ServicePrefix+s.Name) {
			return "shares something with service " + other.Name
		}
		if slices.ContainsFunc(other.VolumesFrom, func(from string) bool { from, _, _ = strings.Cut(from, ":"); return from == s.Name }) {
			return "shares something with service " + other.Name
		}
	}
	return ""
}

// writes is the volume or folder that a service may write to, or nothing.
func writes(s types.ServiceConfig) string {
	for _, v := range s.Volumes {
		switch {
		case v.ReadOnly || v.Type == types.VolumeTypeTmpfs:
		case v.Type == types.VolumeTypeVolume && v.Source != "":
			return "volume " + v.Source
		default:
			return v.Target
		}
	}
	return ""
}

// keeps is a folder that the image has a volume at, where the service mounts nothing.
func (c *Compose) keeps(ctx context.Context, project *types.Project, s types.ServiceConfig) (string, error) {
	seen, err := c.imageOf(ctx, api.GetImageNameOrDefault(s, project.Name))
	if err != nil {
		return "", fmt.Errorf("looking at the image of service %s: %w", s.Name, worded(err))
	}
	for _, folder := range slices.Sorted(maps.Keys(seen.volumes)) {
		mounted := slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return path.Clean(v.Target) == path.Clean(folder) }) ||
			slices.ContainsFunc(s.Tmpfs, func(t string) bool { t, _, _ = strings.Cut(t, ":"); return path.Clean(t) == path.Clean(folder) })
		if !mounted {
			return folder, nil
		}
	}
	return "", nil
}

// Beside creates the new containers of a rollout, named id, beside those there are. They do not run yet, and are marked by
// label.Rollout and label.Replaces. All else stays as it is.
func (c *Compose) Beside(ctx context.Context, dir, name string, r Rollout, id string) error {
	project, seen, err := c.own(ctx, Subject{Dir: dir, Name: name})
	if err != nil {
		return err
	}
	if err := c.refuseImages(ctx, project, seen.Trust); err != nil {
		return err
	}
	if err := c.removeHalfMade(ctx, name); err != nil {
		return err
	}
	there, err := c.there(ctx, name)
	if err != nil {
		return err
	}
	for service, s := range project.Services {
		if slices.Contains(r.Services, service) {
			s.CustomLabels = s.CustomLabels.Add(label.Rollout, id).Add(label.Replaces, strings.Join(r.Replaces, ","))
			s.SetScale(s.GetScale() + len(there[service]))
		}
		project.Services[service] = s
	}
	never := api.CreateOptions{Recreate: api.RecreateNever, RecreateDependencies: api.RecreateNever, IgnoreOrphans: true}
	if err := c.service.Create(ctx, project, never); err != nil {
		return worded(err)
	}
	if err := c.refuseImages(ctx, project, seen.Trust); err != nil {
		return errors.Join(err, c.discard(ctx, project, err))
	}
	return nil
}
