package cmd

import (
	"fmt"
	"net/netip"
	"strings"

	"gateway/projects"
	"gateway/projects/subnet"
	"gateway/proxy/docker"
)

// subnetChooser returns a function that cuts a free subnet from the pool that flag and environment name. Beside the
// engine's networks it keeps clear of this machine's routes when the engine is on this machine.
func (e *Env) subnetChooser(host, flag string) func([]docker.Network) (netip.Prefix, error) {
	return func(used []docker.Network) (netip.Prefix, error) {
		pool, err := subnet.ParsePool(firstOf(flag, e.Getenv("GATEWAY_POOL"), subnet.DefaultPool))
		if err != nil {
			return netip.Prefix{}, usageError{fmt.Errorf("--pool: %w", err)}
		}
		taken := projects.InUse(used)
		if strings.HasPrefix(host, "unix://") {
			routes, err := subnet.HostRoutes()
			if err != nil {
				return netip.Prefix{}, err
			}
			taken = append(taken, routes...)
		}
		return subnet.Free(pool, taken)
	}
}
