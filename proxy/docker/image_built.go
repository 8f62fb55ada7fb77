package docker

import (
	"context"
	"errors"
	"slices"

	"github.com/moby/moby/client"
)

// Image is one that an engine has.
type Image struct {
	ID string
	// Names are complete, such as blog-web:latest. There may be none.
	Names  []string
	Labels map[string]string
}

// Labelled lists the images that have a label, given as "key=value".
func (i Images) Labelled(ctx context.Context, label string) ([]Image, error) {
	var found client.ImageListResult
	err := i.link.do(ctx, "listing images", func(s *session) error {
		var err error
		found, err = s.sdk.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", label)})
		return err
	})
	var all []Image
	for _, item := range found.Items {
		names := slices.DeleteFunc(item.RepoTags, func(name string) bool { return name == nameless })
		all = append(all, Image{item.ID, names, item.Labels})
	}
	return all, err
}

// RemoveImages removes the images that have a label, given as "key=value", with what they alone were built on: by those
// of their names that ours is true for, given the image's labels, and those without a name. What is in use stays, and is
// no error.
func (c *Client) RemoveImages(ctx context.Context, label string, ours func(name string, labels map[string]string) bool) error {
	found, err := c.Images().Labelled(ctx, label)
	if err != nil {
		return err
	}
	var failed error
	for _, image := range found {
		refs := image.Names
		if len(refs) == 0 {
			refs = []string{image.ID}
		}
		for _, ref := range refs {
			if ref != image.ID && !ours(ref, image.Labels) {
				continue
			}
			if err := c.Images().Remove(ctx, ref); !errors.Is(err, ErrInUse) {
				failed = errors.Join(failed, err)
			}
		}
	}
	return failed
}

// nameless is how engines before 24 name an image without a name.
const nameless = "<none>:<none>"
