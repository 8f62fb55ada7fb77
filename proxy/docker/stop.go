package docker

import (
	"context"

	"github.com/moby/moby/client"
)

// Stop stops a container, which gets the time that it was created with to end; one that does not run is no error. It stays
// down when its engine restarts, unless its restart policy is always: see KeepRunning. The error wraps ErrNotFound when
// there is none.
func (c *Client) Stop(ctx context.Context, nameOrID string) error {
	return c.link.do(ctx, "stopping container "+nameOrID, func(s *session) error {
		_, err := s.sdk.ContainerStop(ctx, nameOrID, client.ContainerStopOptions{})
		return err
	})
}
