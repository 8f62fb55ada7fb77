package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/moby/moby/client"
)

// ImportImage makes an image with the given tag out of a tar of its root file system, and returns its id. Changes are
// instructions of a Dockerfile such as `ENTRYPOINT ["/gateway"]`. The engine's own platform becomes the image's.
func (c *Client) ImportImage(ctx context.Context, tag string, rootfs io.Reader, changes []string) (string, error) {
	what := "importing image " + tag
	// The tar can be read only once, so the version has to be right before.
	s, _, err := c.link.negotiate(ctx)
	if err != nil {
		return "", c.link.fail(what, err)
	}
	result, err := s.sdk.ImageImport(ctx, client.ImageImportSource{Source: rootfs, SourceName: "-"}, tag, client.ImageImportOptions{Changes: changes})
	if err != nil {
		return "", c.link.fail(what, err)
	}
	defer result.Close()
	id, err := imported(result)
	return id, c.link.fail(what, err)
}

// imported reads the stream of progress, whose last status is the image's id.
func imported(stream io.Reader) (id string, err error) {
	for messages := json.NewDecoder(stream); ; {
		var m struct{ Status, Error string }
		switch err := messages.Decode(&m); {
		case errors.Is(err, io.EOF) && id != "":
			return id, nil
		case err != nil:
			return "", fmt.Errorf("reading the progress: %w", err)
		case m.Error != "":
			return "", errors.New(m.Error)
		case m.Status != "":
			id = m.Status
		}
	}
}

// ImageID returns the id of the image that ref names. The error wraps ErrNotFound when there is none.
func (c *Client) ImageID(ctx context.Context, ref string) (string, error) {
	what := "inspecting image " + ref
	if ref == "" {
		return "", fmt.Errorf("%s: %w", what, failed("no such image: it has no name", ErrNotFound))
	}
	var found struct {
		ID string `json:"Id"`
	}
	err := c.link.do(ctx, what, func(s *session) error {
		return c.link.get(ctx, s, "/images/"+ref+"/json", nil, &found)
	})
	return found.ID, err
}

// TagImage makes to name the image that from names. The error wraps ErrNotFound when there is none.
func (c *Client) TagImage(ctx context.Context, from, to string) error {
	return c.link.do(ctx, fmt.Sprintf("tagging image %s as %s", from, to), func(s *session) error {
		_, err := s.sdk.ImageTag(ctx, client.ImageTagOptions{Source: from, Target: to})
		return err
	})
}

// RemoveImage removes the name ref, and the image when it has no other; that it is not there is no error. The error
// wraps ErrInUse when a container was made from it.
func (c *Client) RemoveImage(ctx context.Context, ref string) error {
	if ref == "" {
		return nil
	}
	return absent(c.link.do(ctx, "removing image "+ref, func(s *session) error {
		_, err := s.sdk.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
		return err
	}))
}
