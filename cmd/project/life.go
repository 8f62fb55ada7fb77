package project

import (
	"context"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/compose"
	"gateway/projects/policy"
	"gateway/projects/subnet"
	"gateway/proxy/route"
)

// life is what changes projects; ready is how it waits for their routes.
func life(s *cli.Session, ready func(ctx context.Context, s *cli.Session, name projects.Name, keys []route.Key) error) (projects.Life, error) {
	service, err := s.Compose()
	if err != nil {
		return projects.Life{}, err
	}
	await := func(ctx context.Context, name projects.Name, keys []route.Key) error {
		return ready(ctx, s, name, keys)
	}
	again := func(ctx context.Context, p projects.Project) error {
		return judge(ctx, s, compose.Subject{Dir: p.Dir, Name: string(p.Name)})
	}
	l := projects.Life{
		Store: s.Store, Engine: s.Engine, Compose: service, Gateway: gateway{s}, Ready: await, Run: runIn(s.Engine), Remote: cli.Remote(s.Host), HoldAgain: again,
		Planned: func(c *projects.Change) error {
			tell(s.Env, c.Notes)
			return nil
		},
		Note: func(text string) { s.Env.Notef("%s\n", text) },
	}
	if cli.Local(s.Host) {
		l.HostRoutes = subnet.HostRoutes
	}
	return l, nil
}

// gateway is the running gateway as projects ask it.
type gateway struct{ session *cli.Session }

// Held lists the keys of its table.
func (g gateway) Held(ctx context.Context) ([]policy.Held, error) { return takenPaths(ctx, g.session) }
