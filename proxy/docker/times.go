package docker

import (
	"context"
	"errors"
	"time"
)

// Times are how long containers may take by their own word, and that of their images.
type Times struct {
	// Stop is until they have ended after they were told to, Start until they are healthy; each is the sum of all.
	Stop, Start time.Duration
}

// What the engine takes for what a container does not say.
const (
	stopDefault    = 10 * time.Second
	healthInterval = 30 * time.Second
	healthTimeout  = 30 * time.Second
	healthRetries  = 3

	// longest bounds what one container may say, so that sums are times.
	longest = 24 * time.Hour
)

// Times sums up what the containers that have a label, given as "key=value", may take one after the other, as those do
// that wait for others.
func (c *Client) Times(ctx context.Context, label string) (Times, error) {
	var sum Times
	found, err := c.Containers(ctx, label)
	if err != nil {
		return sum, err
	}
	for _, one := range found {
		err := c.link.do(ctx, "inspecting container "+one.Name, func(s *session) error {
			i, err := c.link.inspect(ctx, s, one.ID)
			if err == nil {
				sum.Stop += i.stopTime()
				sum.Start += i.startTime()
			}
			return err
		})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return sum, err
		}
	}
	return sum, nil
}

func (i *inspection) stopTime() time.Duration {
	if i.Config.StopTimeout == nil {
		return stopDefault
	}
	return time.Duration(min(max(*i.Config.StopTimeout, 0), int(longest/time.Second))) * time.Second
}

// startTime is until the last check that may still pass.
func (i *inspection) startTime() time.Duration {
	h := i.Config.Healthcheck
	if h == nil || len(h.Test) == 0 || h.Test[0] == "NONE" {
		return 0
	}
	or := func(said, otherwise time.Duration) time.Duration {
		if said > 0 {
			return said
		}
		return otherwise
	}
	retries := h.Retries
	if retries <= 0 {
		retries = healthRetries
	}
	wait := h.StartPeriod.Seconds() + float64(retries)*(or(h.Interval, healthInterval).Seconds()+or(h.Timeout, healthTimeout).Seconds())
	return time.Duration(min(wait, longest.Seconds()) * float64(time.Second))
}
