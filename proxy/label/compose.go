package label

import "strings"

// The labels by which Compose marks what it creates.
const (
	ComposeProject   = "com.docker.compose.project"
	ComposeService   = "com.docker.compose.service"
	ComposeDir       = "com.docker.compose.project.working_dir"
	ComposeOneOff    = "com.docker.compose.oneoff"
	ComposeDependsOn = "com.docker.compose.depends_on"
	ComposeNetwork   = "com.docker.compose.network"
	ComposeVolume    = "com.docker.compose.volume"
)

// The conditions on which a service waits for another, in Compose's words.
const (
	ServiceHealthy   = "service_healthy"
	ServiceCompleted = "service_completed_successfully"
)

// Dependency is a service that a container's service depends on.
type Dependency struct {
	Service string
	// Condition is what the service waits for, such as ServiceHealthy.
	Condition string
	// Restart says that the container restarts when the other service is replaced.
	Restart bool
}

// Dependencies reads what Compose writes into the label ComposeDependsOn: SERVICE:CONDITION:RESTART, separated by commas.
func Dependencies(labels map[string]string) []Dependency {
	var all []Dependency
	for one := range strings.SplitSeq(labels[ComposeDependsOn], ",") {
		service, rest, _ := strings.Cut(one, ":")
		condition, restart, _ := strings.Cut(rest, ":")
		if service != "" {
			all = append(all, Dependency{service, condition, restart == "true"})
		}
	}
	return all
}
