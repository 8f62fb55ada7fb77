package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/moby/moby/client"
)

// Images are what an engine makes containers from. It is part of a Client and as safe for concurrent use.
type Images struct{ link *link }

// Images returns the engine's images.
func (c *Client) Images() Images { return Images{c.link} }

// Import makes an image with the given tag out of a tar of its root file system, and returns its id. Changes are
// instructions of a Dockerfile such as `ENTRYPOINT ["/gateway"]`. The engine's own platform becomes the image's.
func (i Images) Import(ctx context.Context, tag string, rootfs io.Reader, changes []string) (string, error) {
	what := "importing image " + tag
	// The tar can be read only once, so the version has to be right before.
	s, _, err := i.link.negotiate(ctx)
	if err != nil {
		return "", i.link.fail(what, err)
	}
	result, err := s.sdk.ImageImport(ctx, client.ImageImportSource{Source: rootfs, SourceName: "-"}, tag, client.ImageImportOptions{Changes: changes})
	if err != nil {
		return "", i.link.fail(what, err)
	}
	defer result.Close()
	id, err := imported(result)
	return id, i.link.fail(what, err)
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

// ID returns the id of the image that ref names. The error wraps ErrNotFound when there is none.
func (i Images) ID(ctx context.Context, ref string) (string, error) {
	what := "inspecting image " + ref
	if ref == "" {
		return "", fmt.Errorf("%s: %w", what, failed("no such image: it has no name", ErrNotFound))
	}
	var found struct {
		ID string `json:"Id"`
	}
	err := i.link.do(ctx, what, func(s *session) error {
		return i.link.get(ctx, s, "/images/"+ref+"/json", &found)
	})
	return found.ID, err
}

// Newest is the digest that the registry of an image has under its name now; it is not pulled. Account is what the
// registry is shown, in the encoding of the X-Registry-Auth header, empty for nobody.
func (i Images) Newest(ctx context.Context, ref, account string) (digest string, err error) {
	err = i.link.do(ctx, "asking the registry for image "+ref, func(s *session) error {
		found, err := s.sdk.DistributionInspect(ctx, ref, client.DistributionInspectOptions{EncodedRegistryAuth: account})
		digest = found.Descriptor.Digest.String()
		return err
	})
	return digest, err
}

// Tag makes to name the image that from names. The error wraps ErrNotFound when there is none.
func (i Images) Tag(ctx context.Context, from, to string) error {
	return i.link.do(ctx, fmt.Sprintf("tagging image %s as %s", from, to), func(s *session) error {
		_, err := s.sdk.ImageTag(ctx, client.ImageTagOptions{Source: from, Target: to})
		return err
	})
}

// Remove removes the name ref, and the image when it has no other; that it is not there is no error. The error
// wraps ErrInUse when a container was made from it.
func (i Images) Remove(ctx context.Context, ref string) error {
	if ref == "" {
		return nil
	}
	return absent(i.link.do(ctx, "removing image "+ref, func(s *session) error {
		_, err := s.sdk.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
		return err
	}))
}
