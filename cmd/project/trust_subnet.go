package project

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/policy"
	"gateway/projects/subnet"
	"gateway/proxy/docker"
)

// claimedAddresses finds subnets of a project that the machine itself reaches by a route: a network with one of them
// would cut the machine, and all projects on it, off from what is there. The engine looks at its own networks alone.
func claimedAddresses(ctx context.Context, s *cli.Session, project string, subnets map[string][]netip.Prefix) ([]policy.Finding, error) {
	if len(subnets) == 0 || !cli.Local(s.Host) {
		return nil, nil
	}
	networks, err := s.Engine.Networks(ctx)
	if err != nil {
		return nil, err
	}
	routes, err := subnet.HostRoutes()
	if err != nil {
		return nil, err
	}
	return overlaps(project, subnets, routes, networks), nil
}

// overlaps compares with the routes that are not those of the engine's networks. What a network of the project has
// already is its own, whichever route came later.
func overlaps(project string, subnets map[string][]netip.Prefix, routes []subnet.Use, networks []docker.Network) []policy.Finding {
	var bridges, own []netip.Prefix
	for _, n := range networks {
		bridges = append(bridges, n.Subnets...)
		if projects.ProjectOf(n.Labels) == project {
			own = append(own, n.Subnets...)
		}
	}
	var found []policy.Finding
	for name, all := range subnets {
		for _, prefix := range all {
			i := slices.IndexFunc(routes, func(r subnet.Use) bool {
				return r.Prefix.Bits() > 0 && r.Prefix.Overlaps(prefix) && !slices.Contains(bridges, r.Prefix.Masked())
			})
			if i < 0 || slices.Contains(own, prefix.Masked()) {
				continue
			}
			f := policy.Networks.Found("networks."+name, fmt.Sprintf("subnet %s is where this machine reaches %s (%s)", prefix, routes[i].Prefix, routes[i].By))
			f.Mend = "remove ipam, or choose addresses that nobody has"
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b policy.Finding) int { return strings.Compare(a.String(), b.String()) })
	return found
}
