package stack

import (
	"bytes"
	"cmp"
	"maps"
	"path"
	"reflect"
	"slices"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// Running is what of ours an engine has.
type Running struct {
	// Proxy and Agent are nil when there is no such container.
	Proxy, Agent *docker.Container
	// Network reports whether the proxy's network exists.
	Network bool
	// secrets are those that the proxy has of the ones that it is given.
	secrets map[string][]byte
}

// outdated are the files of secrets that the proxy has otherwise, or not at all.
func (r Running) outdated(secrets map[string][]byte) []docker.File {
	var files []docker.File
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if !bytes.Equal(r.secrets[name], secrets[name]) {
			files = append(files, docker.File{Folder: certsDir, Name: path.Join(secretsFolder, name), Content: secrets[name], Owner: nobody})
		}
	}
	return files
}

// Settings returns those that the running containers were started with, or the defaults. Both containers carry all of
// them, so that the loss of either makes no port public that was not.
func (r Running) Settings() Settings {
	for _, c := range []*docker.Container{r.Proxy, r.Agent} {
		if c == nil {
			continue
		}
		if kept := recorded(c.Labels).Settings; kept.HTTP != 0 {
			return kept
		}
	}
	return Default()
}

// Step is one thing to do.
type Step struct {
	// Action is one of the constants below; Subject names the container or network.
	Action, Subject string
	// Reason says why, for people.
	Reason string
	spec   docker.Spec
	// attach are networks that the new container joins beside its first, taken over from the one it replaces.
	attach []string
	// before restores what is replaced when the new one does not start.
	before *docker.Spec
	// stop is how long what is replaced may take to end.
	stop time.Duration
}

// The actions of steps.
const (
	CreateNetwork = "create network"
	Start         = "start"
	Replace       = "replace"
)

// plan compares what runs with what was asked for. It does nothing, and is empty when all is as it should be.
func plan(running Running, o Options, imageID string) ([]Step, error) {
	s, image := o.Settings, o.Image
	var steps []Step
	if !running.Network {
		steps = append(steps, Step{Action: CreateNetwork, Subject: Network, Reason: "the proxy publishes its ports on it"})
	}
	// The agent first: it feeds the new proxy as soon as that one listens, and joins it under the host names of now.
	parts := []struct {
		role string
		spec docker.Spec
		old  *docker.Container
	}{
		{label.RoleAgent, agentSpec(s, image), running.Agent},
		{label.RoleProxy, proxySpec(s, image), running.Proxy},
	}
	for _, part := range parts {
		spec, err := withRecord(part.spec, part.role, s, imageID)
		if err != nil {
			return nil, err
		}
		if part.role == label.RoleProxy {
			spec.Files = running.outdated(o.Secrets)
		}
		if step, needed := planContainer(part.old, spec); needed {
			steps = append(steps, step)
		}
	}
	return steps, nil
}

func planContainer(old *docker.Container, spec docker.Spec) (Step, bool) {
	step := Step{Action: Start, Subject: spec.Name, Reason: "it is not there", spec: spec}
	if old == nil {
		return step, true
	}
	was, will := recorded(old.Labels), recorded(spec.Labels)
	switch {
	case was.Image == "":
		step.Reason = "it was started by something else"
	case was.Image != will.Image:
		step.Reason = "the program changed"
	case !reflect.DeepEqual(was.Spec, will.Spec), !reflect.DeepEqual(was.Settings, will.Settings):
		// Settings count beside what a container is made with: host names are the proxy's names on the projects' networks,
		// and each container is to carry what holds.
		step.Reason = "the settings changed"
	case len(spec.Files) > 0:
		step.Reason = "its credentials changed"
	case old.State != "running":
		step.Reason = "it is " + old.State
	default:
		return Step{}, false
	}
	step.Action = Replace
	step.attach, step.stop = takeOver(old, spec), stopTime(old)
	if was.Image != "" {
		before := was.Spec
		before.Image, before.Labels = was.Image, old.Labels
		step.before = &before
	}
	return step, true
}

// stopTime is how long a container of ours may take to end.
func stopTime(c *docker.Container) time.Duration {
	return max(recorded(c.Labels).Spec.StopTimeout, drainTime)
}

// takeOver lists the networks that the old container is on beside the one that the new one starts on.
func takeOver(old *docker.Container, spec docker.Spec) []string {
	var names []string
	for _, n := range old.Networks {
		if n.Network != spec.Network && n.Network != "none" {
			names = append(names, n.Network)
		}
	}
	slices.SortFunc(names, cmp.Compare)
	return names
}
