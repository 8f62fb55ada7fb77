package docker

import (
	"context"
	"errors"

	"github.com/moby/moby/client"
)

// RemoveImages removes the images that have a label, given as "key=value", with what they alone were built on: by those
// of their names that ours is true for, and those without a name. What is in use stays, and is no error.
func (c *Client) RemoveImages(ctx context.Context, label string, ours func(name string) bool) error {
	var found client.ImageListResult
	err := c.link.do(ctx, "listing images", func(s *session) error {
		var err error
		found, err = s.sdk.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", label)})
		return err
	})
	if err != nil {
		return err
	}
	var failed error
	for _, image := range found.Items {
		refs := image.RepoTags
		if len(refs) == 0 || len(refs) == 1 && refs[0] == nameless {
			refs = []string{image.ID}
		}
		for _, ref := range refs {
			if ref != image.ID && !ours(ref) {
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
