package projects

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"gateway/projects/policy"

	"gateway/projects/subnet"
	"gateway/proxy/docker"
)

// Facts is what the plan of a new project depends on, as it was when somebody looked. An error in it is a fact too: a
// reason to refuse.
type Facts struct {
	// Engine and Gateway say why they cannot be used; nil when they can.
	Engine, Gateway error
	// Remote is the engine's address when it is on another machine, which sees none of the folders here.
	Remote string
	// Missing are the images that the template needs and the engine lacks.
	Missing []string
	Running Running
	// Volumes are those that carry the label of a compose project of that name.
	Volumes []string
	// Images are the names of those that were built for a compose project of that name.
	Images []string
	// Routes are the keys in the running table.
	Routes []policy.Held
	// Networks are all of the engine's, HostRoutes those of this machine when the engine is on it.
	Networks   []docker.Network
	HostRoutes []subnet.Use

	folders
}

// folders are the facts that the store knows.
type folders struct {
	root, dir string
	exists    bool
	room      error
	projects  []Project
}

// look collects the facts that the store knows.
func (s Store) look(name Name, need int64) (folders, error) {
	all, err := s.List()
	if err != nil {
		return folders{}, err
	}
	return folders{root: s.root, dir: s.Dir(name), exists: s.Exists(name), room: s.checkRoom(need), projects: all}, nil
}

// Observe looks at the engine and the gateway for the sake of a plan: their failures are facts, not errors.
type Observe func(ctx context.Context, name Name, images []string) (Facts, error)

// Refusal is every reason why a plan was refused. Each names the thing, the rule and the mend.
type Refusal []error

// Error is one line for one reason, and a list for more.
func (r Refusal) Error() string {
	if len(r) == 1 {
		return r[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "nothing was started, for %d reasons:", len(r))
	for _, reason := range r {
		b.WriteString("\n  " + reason.Error())
	}
	return b.String()
}

// Unwrap returns the reasons.
func (r Refusal) Unwrap() []error { return r }

// refuse returns the reasons that are not nil as an error, or nil.
func refuse(reasons ...error) error {
	var all Refusal
	for _, reason := range reasons {
		if reason != nil {
			all = append(all, reason)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// nameFree refuses a name that a folder or a compose project has, be it only by its volumes or images: taking a failed
// project down again would take those with it.
func (f Facts) nameFree(name Name) error {
	switch {
	case f.exists:
		return fmt.Errorf("name %s is taken by the project in %s; choose another name, or deploy that project: gateway deploy %s", name, f.dir, name)
	case len(f.Running.Containers) > 0:
		c := f.Running.Containers[0]
		if from := c.Labels[composeDir]; from != "" && f.Running.edge() {
			return fmt.Errorf("name %s is taken by the project of %s, whose container %s is here; choose another name", name, from, c.Name)
		}
		return fmt.Errorf("name %s: container %s belongs to a compose project of that name; choose another name", name, c.Name)
	case len(f.Running.Networks) > 0:
		return fmt.Errorf("name %s: network %s is left of a compose project of that name; choose another name",
			name, f.Running.Networks[0].Name)
	case len(f.Volumes) > 0:
		return fmt.Errorf("name %s: volume %s is left of a compose project of that name; choose another name, and the volume stays as it is",
			name, strings.Join(f.Volumes, ", "))
	case len(f.Images) > 0:
		return fmt.Errorf("name %s: image %s is left of a compose project of that name; choose another name, or remove the image: docker image rm %s",
			name, strings.Join(f.Images, ", "), strings.Join(f.Images, " "))
	}
	return nil
}

// siteFits refuses a folder that the copy of it would be in.
func (f Facts) siteFits(site *Site) error {
	if site != nil && contains(site.Dir, resolved(f.root)) {
		return fmt.Errorf("site folder %s: the projects folder %s is inside it; name the folder with the site alone", site.Dir, f.root)
	}
	return nil
}

// imagesThere refuses to start what the engine has no image for.
func (f Facts) imagesThere() error {
	if len(f.Missing) == 0 {
		return nil
	}
	return fmt.Errorf("image %s is not on the engine, and is never pulled; make it with: gateway up", strings.Join(f.Missing, ", "))
}

// near refuses an engine that would not see the project's files.
func (f Facts) near() error {
	if f.Remote == "" {
		return nil
	}
	return fmt.Errorf("the engine at %s is on another machine and sees no files of this one; run the command there", f.Remote)
}

// taken returns all keys that are held, by routes and by projects that do not run.
func (f Facts) taken() []policy.Held {
	all := append([]policy.Held(nil), f.Routes...)
	for _, p := range f.projects {
		for _, claim := range p.Claims {
			all = append(all, policy.Held{Key: claim.Key, Project: string(p.Name), By: "project " + string(p.Name)})
		}
	}
	return all
}

// used returns all subnets that are in use.
func (f Facts) used() []subnet.Use {
	all := append([]subnet.Use(nil), f.HostRoutes...)
	all = append(all, InUse(f.Networks)...)
	for _, p := range f.projects {
		for _, prefix := range p.Subnets {
			all = append(all, subnet.Use{Prefix: prefix, By: filepath.Join(p.Dir, ComposeFile)})
		}
	}
	return all
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

// chooseSubnets returns one free subnet of the pool, or two.
func (f Facts) chooseSubnets(pool netip.Prefix, two bool) (edge, backend netip.Prefix, err error) {
	if f.Engine != nil {
		return edge, backend, nil
	}
	used := f.used()
	if edge, err = subnet.Free(pool, used); err == nil && two {
		backend, err = subnet.Free(pool, append(used, subnet.Use{Prefix: edge, By: "the project itself"}))
	}
	if errors.Is(err, subnet.ErrExhausted) {
		err = fmt.Errorf("network of the project: %w", err)
	}
	return edge, backend, err
}

// BuiltFor are the names of those images that were built for a compose project of that name, sorted.
func BuiltFor(name Name, images []docker.Image) []string {
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
