package project

import (
	"context"
	"errors"
	"time"

	"gateway/projects"
	"gateway/proxy/admin"
	"gateway/proxy/route"
)

// Check asks a container by itself.
func (g gateway) Check(ctx context.Context, c projects.Check) (int, error) {
	client, err := g.session.Gateway(ctx)
	if err != nil {
		return 0, err
	}
	found, err := client.Check(ctx, admin.Check{
		Address: c.Address.String(), Scheme: string(c.Scheme), Host: c.Host, Path: c.Path, Timeout: c.Timeout.Milliseconds(),
	})
	switch {
	case errors.Is(err, admin.ErrNoRoute):
		return 0, projects.ErrNoChecks
	case err != nil:
		return 0, err
	case found.Status == 0:
		return 0, errors.New(found.Failure)
	}
	return found.Status, nil
}

// Queue makes requests for a route wait, unless a person paused it.
func (g gateway) Queue(ctx context.Context, key route.Key, q projects.Queue) error {
	client, err := g.session.Gateway(ctx)
	if err != nil {
		return err
	}
	now, err := client.Routes(ctx)
	if err != nil {
		return err
	}
	for _, r := range now.Routes {
		if r.Key == key.String() && r.Paused != nil && r.Paused.Message != q.Message {
			return nil
		}
	}
	_, err = client.Pause(ctx, key.String(), admin.Pause{Message: q.Message, Wait: q.Wait.Milliseconds(), Until: q.Until.UTC().Truncate(time.Second)})
	if errors.Is(err, admin.ErrNoRoute) {
		return nil
	}
	return err
}

// Unqueue ends what Queue began, and leaves a person's pause alone.
func (g gateway) Unqueue(ctx context.Context, key route.Key) error {
	client, err := g.session.Gateway(ctx)
	if err != nil {
		return err
	}
	if _, err = client.ResumeOf(ctx, key.String(), projects.QueueMessage); errors.Is(err, admin.ErrNoRoute) {
		return nil
	}
	return err
}
