package projects

import (
	"slices"

	"gateway/proxy/route"
)

// The states of projects and routes beside those that a gateway tells of.
const (
	// NotRouted is the state of a route that the folder asks for and the gateway does not have.
	NotRouted = "not routed"
	// Unknown is that of one of which nobody can be asked.
	Unknown = "unknown"

	ready  = "ready"
	paused = "paused"
)

// Status is what is known of a project at one moment.
type Status struct {
	// Broken says that its folder cannot be read.
	Broken bool
	// Engine and Gateway say that they could be asked.
	Engine, Gateway bool
	// Containers and Routes are the states of its own.
	Containers, Routes []string
}

// State is the one word for a project: of several routes that of the one that needs a look most.
func (s Status) State() string {
	switch {
	case s.Broken:
		return "broken"
	case s.Engine && len(s.Containers) == 0:
		return "not deployed"
	case s.Gateway && len(s.Routes) > 0:
		return slices.MaxFunc(s.Routes, func(a, b string) int { return urgency(a) - urgency(b) })
	case !s.Engine:
		return Unknown
	case slices.Contains(s.Containers, "running"):
		return "running"
	}
	return "stopped"
}

// urgent are the states of routes, those that need a look most last.
var urgent = []string{
	ready, string(route.Asleep), string(route.Draining), string(route.Waking), string(route.Starting), paused, Unknown, string(route.Stopped), string(route.Expired), NotRouted,
	string(route.Unhealthy), string(route.Unreachable), string(route.Crashing),
}

// urgency orders states; one that is not known needs a look.
func urgency(state string) int {
	if i := slices.Index(urgent, state); i >= 0 {
		return i
	}
	return len(urgent)
}
