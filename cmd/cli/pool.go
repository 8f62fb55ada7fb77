package cli

import (
	"cmp"
	"fmt"
	"net/netip"

	"gateway/projects"
	"gateway/projects/subnet"
	"gateway/proxy/docker"
)

// SubnetChooser returns a function that cuts a free subnet from the pool. Beside the engine's networks it keeps clear of
// this machine's routes when the engine is on this machine.
func SubnetChooser(host string, pool netip.Prefix) func([]docker.Network) (netip.Prefix, error) {
	return func(used []docker.Network) (netip.Prefix, error) {
		taken := projects.InUse(used)
		if Local(host) {
			routes, err := subnet.HostRoutes()
			if err != nil {
				return netip.Prefix{}, err
			}
			taken = append(taken, routes...)
		}
		return subnet.Free(pool, taken)
	}
}

// ParsePool reads the pool that flag and environment name.
func ParsePool(env *Env, flag string) (netip.Prefix, error) {
	pool, err := subnet.ParsePool(cmp.Or(flag, env.Getenv("GATEWAY_POOL"), subnet.DefaultPool))
	if err != nil {
		return pool, Usage(fmt.Errorf("--pool: %w", err))
	}
	return pool, nil
}
