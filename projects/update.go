package projects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gateway/projects/compose"
	"gateway/projects/plan"
	"gateway/proxy/docker"
)

// Update installs newer images of a project's services, as their registries have them under the names in compose.yaml,
// and replaces the containers of those services alone. When that fails, the images before have their names and their
// containers again.
type Update struct{ Name Name }

// ImageUpdate is a newer image of one service.
type ImageUpdate struct {
	Service string `json:"service"`
	Image   string `json:"image"`
	// From and To are digests. From is empty when the engine has no such image; To is when it has the newer one already,
	// which the service does not run yet.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// Project is the one to update.
func (u Update) Project() Name { return u.Name }

// Plan compares the images with their registries. Without a newer one there is no step.
func (u Update) Plan(ctx context.Context, o *Observed) (*Change, error) {
	p, err := o.Load()
	if err != nil {
		return nil, err
	}
	running, err := o.ours(ctx)
	if err != nil {
		return nil, err
	}
	notes, err := o.CheckPolicy(ctx, compose.Subject{Dir: p.Dir})
	if err != nil {
		return nil, err
	}
	images, err := o.life.Compose.NewerImages(ctx, p.Dir, string(u.Name))
	if err != nil {
		return nil, err
	}
	c := &Change{
		Plan: plan.Plan{Verb: "update"}, Project: p, Notes: notes, Fix: "gateway deploy " + string(u.Name),
		Undone: fmt.Sprintf("project %s has the images that it had before", u.Name),
	}
	if err := c.pulls(o.life, images, running); err != nil {
		return nil, err
	}
	if len(c.Images) == 0 {
		return c, nil
	}
	if !running.runs() {
		c.Notes = append(c.Notes, fmt.Sprintf("project %s does not run; start it with the newer images: gateway deploy %s", u.Name, u.Name))
		return c, nil
	}
	var services []string
	for _, image := range c.Images {
		services = append(services, image.Service)
	}
	c.Keys = p.keys()
	err = o.Up(ctx, c, compose.UpOptions{Made: true})
	c.Steps[len(c.Steps)-1].Text = "replace the containers of " + strings.Join(services, ", ")
	return c, err
}

// pulls makes the steps that pull, one for each image.
func (c *Change) pulls(l Life, images []compose.ServiceImage, running Running) error {
	name, pulled := c.Project.Name, map[string]bool{}
	var failed []error
	asked := 0
	for _, image := range images {
		update := ImageUpdate{Service: image.Service, Image: image.Image, From: image.Digest, To: image.Newer}
		if image.Kept == "" {
			asked++
		}
		switch {
		case image.Err != nil:
			failed = append(failed, fmt.Errorf("image %s of service %s: %w", image.Image, image.Service, image.Err))
		case image.Kept == "" && image.Newer != "":
			c.Images = append(c.Images, update)
			if pulled[image.Image] {
				continue
			}
			pulled[image.Image] = true
			step := plan.Step{
				Text: fmt.Sprintf("pull %s: %s in place of %s", image.Image, shortDigest(image.Newer), shortDigest(image.Digest)),
				Do: func(ctx context.Context) error {
					return l.Compose.Pull(ctx, c.Project.Dir, string(name), image.Service)
				},
			}
			before := []string{image.Image, image.ID}
			step.Undo = []plan.Action{{Kind: retag, Names: before}}
			c.Cleanup = append(c.Cleanup, plan.Action{Kind: dropOld, Names: before})
			c.Steps = append(c.Steps, step)
		case outdated(image, running):
			c.Images = append(c.Images, update)
		case image.Kept != "":
			c.Notes = append(c.Notes, fmt.Sprintf("service %s keeps its image %s: %s", image.Service, image.Image, image.Kept))
		}
	}
	if len(failed) > 0 && len(failed) == asked {
		return errors.Join(failed...)
	}
	for _, err := range failed {
		c.Notes = append(c.Notes, err.Error())
	}
	return nil
}

// outdated reports whether a service runs another image than the one that has its name now.
func outdated(image compose.ServiceImage, running Running) bool {
	return image.ID != "" && slices.ContainsFunc(running.Containers, func(c docker.Container) bool {
		return ServiceOf(c) == image.Service && c.ImageID != "" && c.ImageID != image.ID && c.Labels[compose.ImageLabel] != image.ID
	})
}

// shortDigest is a digest for people.
func shortDigest(digest string) string {
	if digest == "" {
		return "none"
	}
	algorithm, sum, _ := strings.Cut(digest, ":")
	return algorithm + ":" + sum[:min(12, len(sum))]
}
