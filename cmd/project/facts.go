package project

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/policy"
	"gateway/projects/subnet"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// facts looks at the engine and the gateway for the plan of a new project.
func facts(ctx context.Context, s *cli.Session, name projects.Name, images []string) (projects.Facts, error) {
	f := projects.Facts{Remote: cli.Remote(s.Host)}
	var err error
	if f.Routes, f.Gateway = takenPaths(ctx, s); ctx.Err() != nil {
		return f, ctx.Err()
	}
	if f.Running, f.Engine = projects.Look(ctx, s.Engine, name); f.Engine != nil {
		// Without its engine a gateway cannot be found either; one reason is enough.
		if errors.Is(f.Gateway, docker.ErrUnreachable) {
			f.Gateway = nil
		}
		return f, ctx.Err()
	}
	for _, image := range images {
		if _, err := s.Engine.Images().ID(ctx, image); errors.Is(err, docker.ErrNotFound) {
			f.Missing = append(f.Missing, image)
		} else if err != nil {
			return f, err
		}
	}
	if f.Networks, err = s.Engine.Networks(ctx); err != nil {
		return f, err
	}
	compose, err := s.Compose()
	if err != nil {
		return f, err
	}
	if f.Volumes, err = compose.Volumes(ctx, string(name)); err != nil {
		return f, err
	}
	built, err := s.Engine.Images().Labelled(ctx, projects.ComposeLabel(name))
	if err != nil {
		return f, err
	}
	f.Images = projects.BuiltFor(name, built)
	if cli.Local(s.Host) {
		f.HostRoutes, err = subnet.HostRoutes()
	}
	return f, err
}

// takenPaths lists the keys of the running table.
func takenPaths(ctx context.Context, s *cli.Session) ([]policy.Held, error) {
	gateway, err := s.Env.Gateway(ctx)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	routes, err := gateway.Routes(ctx)
	if err != nil {
		return nil, err
	}
	return takenBy(routes), nil
}

func takenBy(routes admin.Routes) []policy.Held {
	var all []policy.Held
	for _, r := range routes.Routes {
		key, err := route.ParseKey(r.Key)
		if err != nil {
			continue
		}
		by := "project " + r.Project
		if r.Project == "" {
			by = "container " + r.Service
		}
		all = append(all, policy.Held{Key: key, Project: r.Project, By: by})
	}
	return all
}

// claim reads the words of a call by the rules of labels, so that both have the same.
func claim(path, host, owner string) (label.Claim, error) {
	labels := map[string]string{label.Path: path}
	for name, value := range map[string]string{label.Host: host, label.Owner: owner} {
		if value != "" {
			labels[name] = value
		}
	}
	claims, problems := label.Parse(labels)
	if len(problems) > 0 {
		p := problems[0]
		flag := "--" + p.Label[strings.LastIndexByte(p.Label, '.')+1:]
		return label.Claim{}, cli.Usage(fmt.Errorf("%s: %s; %s", flag, strings.TrimPrefix(p.Message, p.Label+": "), p.Mend))
	}
	return claims[0], nil
}
