package docker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// RunOnce runs a container to its end, removes it, and returns what it wrote. The error says so when it ended with
// another exit code than 0.
func (c *Client) RunOnce(ctx context.Context, spec Spec) (output string, err error) {
	spec.once = true
	id, err := c.Run(ctx, spec)
	if err != nil {
		return "", err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
		defer cancel()
		err = errors.Join(err, c.Remove(ctx, id, 0))
	}()
	ended, err := c.ended(ctx, id)
	if err != nil {
		return "", err
	}
	if output, err = c.Logs(ctx, id, 0); err == nil && ended.ExitCode != 0 {
		err = fmt.Errorf("container %s: exit code %d: %s", spec.Name, ended.ExitCode, output)
	}
	return output, err
}

// ended waits for the end of a container that is not restarted.
func (c *Client) ended(ctx context.Context, id string) (Container, error) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		now, err := c.Container(ctx, id)
		if err != nil || now.State == "exited" || now.State == "dead" {
			return now, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}
