package project

import (
	"context"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/proxy/route"
)

// life is what changes projects; ready is how it waits for their routes.
func life(s *cli.Session, ready func(ctx context.Context, s *cli.Session, name projects.Name, keys []route.Key) error) projects.Life {
	await := func(ctx context.Context, name projects.Name, keys []route.Key) error {
		return ready(ctx, s, name, keys)
	}
	hold := func(ctx context.Context, plan projects.Addition) error { return holdNew(ctx, s, plan) }
	again := func(ctx context.Context, p projects.Project) error { return holdAgain(ctx, s, p) }
	return projects.Life{Store: s.Store, Engine: s.Engine, Compose: s.Compose, Ready: await, Hold: hold, HoldAgain: again}
}
