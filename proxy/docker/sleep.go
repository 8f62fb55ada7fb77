package docker

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Asleep reports whether a container that was inspected and may sleep is asleep: it was stopped and has the restart policy
// always, which Sleep gives it and KeepRunning takes away. The engine itself restarts what has that policy and ends by
// itself.
func (c *Container) Asleep() bool {
	return c.State == "exited" && c.Restart == string(container.RestartPolicyAlways)
}

// Sleep gives a container the restart policy always, unless it has it, and stops it with its own stop signal and timeout;
// that it does not run is no error. It returns when the container has stopped. The error wraps ErrNotFound when there is
// none. A container that its engine removes when it stops is not stopped: the engine refuses it a restart policy.
func (c *Client) Sleep(ctx context.Context, nameOrID string) error {
	what := "changing the restart policy of container " + nameOrID
	if err := given("container", nameOrID); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	err := c.link.do(ctx, what, func(s *session) error {
		i, err := c.link.inspect(ctx, s, nameOrID)
		if err != nil || i.HostConfig.RestartPolicy.Name == string(container.RestartPolicyAlways) {
			return err
		}
		policy := container.RestartPolicy{Name: container.RestartPolicyAlways}
		_, err = s.sdk.ContainerUpdate(ctx, nameOrID, client.ContainerUpdateOptions{RestartPolicy: &policy})
		return err
	})
	if err != nil {
		return err
	}
	return c.Stop(ctx, nameOrID)
}
