package projects

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gateway/projects/policy"
	"gateway/projects/subnet"
	"gateway/proxy/docker"
	"gateway/proxy/route"
	"gateway/templates"
)

// near refuses an engine that would not see the project's files.
func (o *Observed) near() error {
	if o.life.Remote == "" {
		return nil
	}
	return fmt.Errorf("the engine at %s is on another machine and sees no files of this one; run the command there", o.life.Remote)
}

// imagesThere refuses to start what the engine has no image for.
func (o *Observed) imagesThere(ctx context.Context, needed []string) error {
	var missing []string
	for _, image := range needed {
		if _, err := o.life.Engine.Images().ID(ctx, image); errors.Is(err, docker.ErrNotFound) {
			missing = append(missing, image)
		} else if err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("image %s is not on the engine, and is never pulled; make it with: gateway up", strings.Join(missing, ", "))
}

// nameFree refuses a name that a folder or a compose project has, be it only by its volumes or images: taking a failed
// project down again would take those with it.
func (o *Observed) nameFree(ctx context.Context) error {
	name := o.Name
	if o.life.Store.Exists(name) {
		return fmt.Errorf("name %s is taken by the project in %s; choose another name, or deploy that project: gateway deploy %s", name, o.life.Store.Dir(name), name)
	}
	running, err := o.Running(ctx)
	switch {
	case err != nil:
		return err
	case len(running.Containers) > 0:
		c := running.Containers[0]
		if from := c.Labels[composeDir]; from != "" && running.edge() {
			return fmt.Errorf("name %s is taken by the project of %s, whose container %s is here; choose another name", name, from, c.Name)
		}
		return fmt.Errorf("name %s: container %s belongs to a compose project of that name; choose another name", name, c.Name)
	case len(running.Networks) > 0:
		return fmt.Errorf("name %s: network %s is left of a compose project of that name; choose another name", name, running.Networks[0].Name)
	}
	volumes, err := o.life.Compose.Volumes(ctx, string(name))
	if err != nil {
		return err
	}
	if len(volumes) > 0 {
		return fmt.Errorf("name %s: volume %s is left of a compose project of that name; choose another name, and the volume stays as it is",
			name, strings.Join(volumes, ", "))
	}
	built, err := o.life.Engine.Images().Labelled(ctx, ComposeLabel(name))
	if err != nil {
		return err
	}
	if images := builtFor(name, built); len(images) > 0 {
		return fmt.Errorf("name %s: image %s is left of a compose project of that name; choose another name, or remove the image: docker image rm %s",
			name, strings.Join(images, ", "), strings.Join(images, " "))
	}
	return nil
}

// keyFree refuses a key that any route or project has.
func (o *Observed) keyFree(ctx context.Context, key route.Key) error {
	routes, _ := o.gateway(ctx) // Why it cannot be asked is a reason of its own.
	resting, err := o.resting()
	if err != nil {
		return err
	}
	return free(key, "", slices.Concat(routes, resting))
}

// free refuses a key that another project's route has.
func free(key route.Key, name Name, taken []policy.Held) error {
	for _, t := range taken {
		if t.Key == key && (t.Project == "" || t.Project != string(name)) {
			return fmt.Errorf("%s is taken by %s; choose another --path", key, t.By)
		}
	}
	return nil
}

// plainPath is a path that can be a folder's as it is.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$|^/$`)

// pathFits refuses a path that the template cannot be served at.
func pathFits(t templates.Template, key route.Key) error {
	path := key.Prefix.String()
	if !t.Needs.PlainPath || plainPath.MatchString(path) {
		return nil
	}
	return fmt.Errorf("path %s: template %s makes a folder of it, so that it takes letters, digits, dashes, underscores and dots; choose another path", path, t.Name)
}

// siteFits refuses a folder that the copy of it would be in.
func siteFits(s Store, site *Site) error {
	if site != nil && policy.Within(site.Dir, resolved(s.root)) {
		return fmt.Errorf("site folder %s: the projects folder %s is inside it; name the folder with the site alone", site.Dir, s.root)
	}
	return nil
}

// subnets returns one free subnet of the pool, or two.
func (o *Observed) subnets(ctx context.Context, pool netip.Prefix, two bool) (edge, backend netip.Prefix, err error) {
	used, err := o.used(ctx)
	if err != nil {
		return edge, backend, err
	}
	if edge, err = subnet.Free(pool, used); err == nil && two {
		backend, err = subnet.Free(pool, append(used, subnet.Use{Prefix: edge, By: "the project itself"}))
	}
	if errors.Is(err, subnet.ErrExhausted) {
		err = fmt.Errorf("network of the project: %w", err)
	}
	return edge, backend, err
}

// used returns all subnets that are in use.
func (o *Observed) used(ctx context.Context) ([]subnet.Use, error) {
	networks, err := o.life.Engine.Networks(ctx)
	if err != nil {
		return nil, err
	}
	all := InUse(networks)
	if o.life.HostRoutes != nil {
		routes, err := o.life.HostRoutes()
		if err != nil {
			return nil, err
		}
		all = append(routes, all...)
	}
	others, err := o.Projects()
	for _, p := range others {
		for _, prefix := range p.Subnets {
			all = append(all, subnet.Use{Prefix: prefix, By: filepath.Join(p.Dir, ComposeFile)})
		}
	}
	return all, err
}

// InUse returns the subnets of networks.
func InUse(networks []docker.Network) []subnet.Use {
	var all []subnet.Use
	for _, n := range networks {
		for _, prefix := range n.Subnets {
			all = append(all, subnet.Use{Prefix: prefix, By: "network " + n.Name})
		}
	}
	return all
}

// builtFor are the names of those images that were built for a compose project of that name, sorted.
func builtFor(name Name, images []docker.Image) []string {
	var all []string
	for _, image := range images {
		for _, ref := range image.Names {
			if builtHere(name, ref, image.Labels) {
				all = append(all, ref)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ComposeLabel is the label, as "key=value", of all that Compose made for a project of that name.
func ComposeLabel(name Name) string { return composeProject + "=" + string(name) }
