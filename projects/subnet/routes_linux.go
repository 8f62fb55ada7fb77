package subnet

import (
	"fmt"
	"os"
)

// HostRoutes returns the IPv4 routes of this machine.
func HostRoutes() ([]Use, error) {
	f, err := os.Open("/proc/net/route")
	if err != nil {
		return nil, fmt.Errorf("reading the machine's routes: %w", err)
	}
	defer f.Close()
	routes, err := parseRoutes(f)
	if err != nil {
		return nil, fmt.Errorf("reading the machine's routes: %w", err)
	}
	return routes, nil
}
