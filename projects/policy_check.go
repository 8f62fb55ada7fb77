package projects

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gateway/projects/compose"
	"gateway/projects/policy"
	"gateway/projects/subnet"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// CheckPolicy holds the project to the policy as the files of s.Dir say it, and returns what trust allows and which
// limits services get, for people. Own are the keys that were chosen for it, beside those that its containers have. The
// error is a policy.Refused when rules refuse it.
func (o *Observed) CheckPolicy(ctx context.Context, s compose.Subject, own ...route.Key) (notes []string, err error) {
	s.Name = string(o.Name)
	seen, err := o.life.Compose.Inspect(ctx, s)
	if err != nil {
		return nil, err
	}
	held, mine, err := o.claimed(ctx)
	if err != nil {
		return nil, err
	}
	addresses, err := o.claimedAddresses(ctx, seen.Subnets)
	if err != nil {
		return nil, err
	}
	found := append(policy.Claims(s.Name, seen.Labels, held, append(own, mine...)...), addresses...)
	for i, f := range found {
		found[i] = seen.Located(f)
	}
	allowed, refused := seen.Trust.Split(found)
	if len(refused) > 0 {
		return nil, policy.Refused(refused)
	}
	seen.Allowed = append(seen.Allowed, allowed...)
	return seen.Notes(), nil
}

// claimed are the keys that are held, but for those that the folder of this project asks for, and the keys that its
// containers have already. One that was never started was perhaps refused.
func (o *Observed) claimed(ctx context.Context) (held []policy.Held, own []route.Key, err error) {
	if held, err = o.Routes(ctx); err != nil {
		return nil, nil, err
	}
	resting, err := o.resting()
	if err != nil {
		return nil, nil, err
	}
	held = slices.Concat(held, slices.DeleteFunc(resting, func(h policy.Held) bool { return h.Project == string(o.Name) }))
	running, err := o.Running(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range running.Containers {
		if c.State == "created" {
			continue
		}
		claims, _ := label.Parse(c.Labels)
		for _, claim := range claims {
			own = append(own, claim.Key)
		}
	}
	return held, own, nil
}

// claimedAddresses finds subnets of the project that the machine itself reaches by a route: a network with one of them
// would cut the machine, and all projects on it, off from what is there. The engine looks at its own networks alone.
func (o *Observed) claimedAddresses(ctx context.Context, subnets map[string][]netip.Prefix) ([]policy.Finding, error) {
	if len(subnets) == 0 || o.life.HostRoutes == nil {
		return nil, nil
	}
	networks, err := o.life.Engine.Networks(ctx)
	if err != nil {
		return nil, err
	}
	routes, err := o.life.HostRoutes()
	if err != nil {
		return nil, err
	}
	return overlaps(string(o.Name), subnets, routes, networks), nil
}

// overlaps compares with the routes that are not those of the engine's networks. What a network of the project has
// already is its own, whichever route came later.
func overlaps(project string, subnets map[string][]netip.Prefix, routes []subnet.Use, networks []docker.Network) []policy.Finding {
	var bridges, own []netip.Prefix
	for _, n := range networks {
		bridges = append(bridges, n.Subnets...)
		if ProjectOf(n.Labels) == project {
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
			f.Fix = "remove ipam, or choose addresses that nobody has"
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b policy.Finding) int { return strings.Compare(a.String(), b.String()) })
	return found
}
