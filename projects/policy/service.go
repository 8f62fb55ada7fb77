package policy

import "strings"

// OwnNamespace reports whether a value of network_mode, pid, ipc, uts, userns_mode or cgroup keeps the container to its
// project.
func OwnNamespace(key, value string) bool {
	switch value {
	case "", "private":
		return true
	case "none":
		return key == "network_mode" || key == "ipc"
	}
	return strings.HasPrefix(value, "service:") && (key == "network_mode" || key == "pid" || key == "ipc")
}

// HostGatewayIn reports whether an address of extra_hosts is the machine's.
func HostGatewayIn(text string) bool { return strings.Contains(strings.ToLower(text), "host-gateway") }

// HealthWaits reports whether health checks keep whoever starts the container longer than MaxStart, by their times in
// seconds.
func HealthWaits(startPeriod, interval, timeout, retries float64) bool {
	return startPeriod+max(retries, 1)*max(interval+timeout, 1) > MaxStart.Seconds()
}
