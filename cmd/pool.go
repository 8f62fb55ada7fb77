package cmd

import (
	"fmt"
	"net/netip"

	"gateway/projects"
	"gateway/projects/subnet"
	"gateway/proxy/docker"
)

// subnetChooser returns a function that cuts a free subnet from the pool that flag and environment name. Beside the
// engine's networks it keeps clear of this machine's routes when the engine is on this machine.
func (e *Env) subnetChooser(host, flag string) func([]docker.Network) (netip.Prefix, error) {
	return func(used []docker.Network) (netip.Prefix, error) {
		pool, err := parsePool(e, flag)
		if err != nil {
			return netip.Prefix{}, err
		}
		taken := projects.InUse(used)
		if local(host) {
			routes, err := subnet.HostRoutes()
			if err != nil {
				return netip.Prefix{}, err
			}
			taken = append(taken, routes...)
		}
		return subnet.Free(pool, taken)
	}
}

// parsePool reads the pool that flag and environment name.
func parsePool(env *Env, flag string) (netip.Prefix, error) {
	pool, err := subnet.ParsePool(firstOf(flag, env.Getenv("GATEWAY_POOL"), subnet.DefaultPool))
	if err != nil {
		return pool, usageError{fmt.Errorf("--pool: %w", err)}
	}
	return pool, nil
}
