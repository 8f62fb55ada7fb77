package project

import (
	"context"
	"fmt"
	"strings"

	"gateway/cmd/cli"
	"gateway/projects/policy"
	"gateway/proxy/admin"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

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
