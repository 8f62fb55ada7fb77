package docker

import (
	"slices"
	"strings"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// A deployment that starts new containers beside the old ones switches between them in one table, for all routes of the
// project at once. Its state is in the engine alone, so that a crash of anybody leaves one of the two versions:
//
//   - The new containers have the label gateway.rollout with the name of the deployment, and gateway.rollout.replaces with
//     the containers that they replace.
//   - As long as a container of a deployment has a name that ends in label.Next, or none of them was ever started, all of
//     them are held: they are in no table.
//   - From then on the containers that they replace get no new requests and drain, until somebody removes them.
//
// The switch is the renaming of the last container that is held, which the engine does in one step. Labels cannot change,
// and of what can change in a container without a restart only the name is listed.
//
// A deployment counts within its own project alone: whatever labels an image or a file has, it cannot replace the
// containers of others.

// rollout is a deployment of one project.
type rollout struct{ project, id string }

// rollouts are the deployments that containers of a listing belong to.
type rollouts struct {
	held label.Holding[rollout]
	// replaced are the full ids of the containers whose replacements are served.
	replaced map[string]bool
}

func rolloutOf(c *docker.Container) (rollout, bool) {
	r := rollout{projectOf(c), c.Labels[label.Rollout]}
	return r, r.project != "" && r.id != ""
}

func rolloutsOf(containers []docker.Container) rollouts {
	all := rollouts{replaced: map[string]bool{}}
	for i := range containers {
		c := &containers[i]
		if r, is := rolloutOf(c); is {
			all.held.Add(r, c.Name, c.State)
		}
	}
	if all.held.None() {
		return all
	}
	projects := make(map[string]string, len(containers))
	for i := range containers {
		projects[containers[i].ID] = projectOf(&containers[i])
	}
	for i := range containers {
		c := &containers[i]
		r, is := rolloutOf(c)
		if !is || all.held.Held(r) {
			continue
		}
		for id := range strings.SplitSeq(c.Labels[label.Replaces], ",") {
			if id != c.ID && projects[id] == r.project {
				all.replaced[id] = true
			}
		}
	}
	return all
}

// holds reports whether a deployment has not switched to a container yet.
func (all *rollouts) holds(c *docker.Container) bool {
	r, is := rolloutOf(c)
	return is && all.held.Held(r)
}

// superseded are the candidates of a container that was replaced. What it has goes on.
func superseded(found []candidate) []candidate {
	found = slices.Clone(found)
	for i := range found {
		c := &found[i]
		c.replaced = true
		target := &c.route.Targets[0]
		if target.State == route.Stopped || target.State == route.Crashing {
			continue
		}
		c.route.Targets = slices.Clone(c.route.Targets)
		c.route.Targets[0].State, c.route.Targets[0].Reason = route.Draining, "a newer version serves in its place"
	}
	return found
}

// withoutLost leaves out the routes of replaced containers that their replacements do not have. Otherwise containers that
// are about to be removed would serve them, and hold a prefix that a new service may claim.
func withoutLost(found []candidate) []candidate {
	if !slices.ContainsFunc(found, func(c candidate) bool { return c.replaced }) {
		return found
	}
	type place struct {
		key              route.Key
		project, service string
	}
	of := func(c candidate) place { return place{c.route.Key, c.route.Project, c.route.Service} }
	served := map[place]bool{}
	for _, c := range found {
		if !c.replaced {
			served[of(c)] = true
		}
	}
	return slices.DeleteFunc(found, func(c candidate) bool { return c.replaced && !served[of(c)] })
}
