package docker

import (
	"strings"

	"gateway/proxy/docker"
	"gateway/proxy/route"
)

// stateOf is the state of a container as a target, and why it is not ready. The reason holds no relative times.
func stateOf(c *docker.Container, x crash) (route.State, string) {
	if x.asleep {
		return route.Asleep, ""
	}
	if ended(c) {
		return x.state(c)
	}
	switch c.State {
	case "running":
		return stateOfRunning(c.Health)
	case "created":
		return route.Starting, "it was created and has not started yet"
	case "removing":
		return route.Stopped, "it is being removed"
	}
	return route.Stopped, words(c)
}

func stateOfRunning(health string) (route.State, string) {
	switch health {
	case "starting":
		return route.Starting, "its health check has not passed yet"
	case "unhealthy":
		return route.Unhealthy, "its health check fails"
	}
	return route.Ready, ""
}

// words is the state in the engine's words up to the exit code, since what follows tells how long ago:
// "exited (1)" of "Exited (1) 3 minutes ago".
func words(c *docker.Container) string {
	end := strings.IndexByte(c.Status, ')')
	if end < 0 || strings.HasPrefix(c.Status, "Up ") {
		return c.State
	}
	return strings.ToLower(c.Status[:1]) + c.Status[1:end+1]
}
