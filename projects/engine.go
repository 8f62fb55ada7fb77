package projects

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/projects/compose"
	"gateway/projects/importer"
	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// The labels of Compose.
const (
	composeProject = label.ComposeProject
	composeService = label.ComposeService
	composeDir     = label.ComposeDir
	composeNetwork = label.ComposeNetwork
	composeVolume  = label.ComposeVolume
)

// Lister tells what an engine has; *docker.Client is one.
type Lister interface {
	Containers(ctx context.Context, labels ...string) ([]docker.Container, error)
	Container(ctx context.Context, nameOrID string) (docker.Container, error)
	Networks(ctx context.Context) ([]docker.Network, error)
	Logs(ctx context.Context, nameOrID string, lines int) (string, error)
	// Times sums up how long containers with a label may take to end and to start.
	Times(ctx context.Context, label string) (docker.Times, error)
}

// Engine is the part of the Engine API that changes to projects need; *docker.Client is one.
type Engine interface {
	Lister
	Archiver
	Stop(ctx context.Context, nameOrID string) error
	Start(ctx context.Context, nameOrID string) error
	Rename(ctx context.Context, nameOrID, name string) error
	Remove(ctx context.Context, nameOrID string, timeout time.Duration) error
	RemoveNetwork(ctx context.Context, nameOrID string) error
	Disconnect(ctx context.Context, network, container string) error
	// KeepRunning makes the engine restart a container, also after its own death, or not.
	KeepRunning(ctx context.Context, nameOrID string, keep bool) error
	// RemoveImages removes the images with a label that ours reports true for.
	RemoveImages(ctx context.Context, label string, ours func(name string, labels map[string]string) bool) error
	Images() docker.Images
}

// KeepRunning has all containers of a project outlive the death of the engine, or lets them rest when they are to be
// stopped, whatever happens to the engine then.
func KeepRunning(ctx context.Context, engine Engine, name Name, keep bool) error {
	running, err := Look(ctx, engine, name)
	if err != nil {
		return err
	}
	for _, c := range running.Containers {
		if err := keepRunning(ctx, engine, c.ID, keep); err != nil && !errors.Is(err, docker.ErrNotFound) {
			return err
		}
	}
	return nil
}

// keepRunning does it for one container. One that stops meanwhile cannot be changed just then: it can when it has stopped,
// and others decide what a stop means.
func keepRunning(ctx context.Context, engine Engine, id string, keep bool) error {
	err := engine.KeepRunning(ctx, id, keep)
	if err == nil {
		return nil
	}
	now, asking := engine.Container(ctx, id)
	if asking != nil || !stopped(now) {
		return err
	}
	if err := engine.KeepRunning(ctx, id, keep); errors.Is(err, docker.ErrUnreachable) {
		return err
	}
	return nil
}

// Composer does with a project what the docker compose command of the same name does; *compose.Compose is one.
type Composer interface {
	// Up makes what runs equal to the compose.yaml in dir and waits until it runs.
	Up(ctx context.Context, dir, name string, o compose.UpOptions) error
	// Compare finds out what Up would change, after it has built or pulled the images unless they are there.
	Compare(ctx context.Context, dir, name string, o compose.UpOptions) (compose.Rollout, error)
	// Beside creates the new containers of a rollout beside those there are, without starting them.
	Beside(ctx context.Context, dir, name string, r compose.Rollout, id string) error
	// Images builds or pulls what Up would, and touches no container.
	Images(ctx context.Context, dir, name string) error
	// Exposed are the TCP ports that an image says to listen at; found reports whether the engine has it.
	Exposed(ctx context.Context, image string) (ports []int, found bool, err error)
	// Inspect reads a project as Up would and holds it to the policy, without asking the engine.
	Inspect(ctx context.Context, s compose.Subject) (compose.Inspection, error)
	// Prepare builds or pulls the image of one service, as Up would, and returns the TCP ports that it says to listen at.
	Prepare(ctx context.Context, dir, name, service string) ([]int, error)
	// NewerImages compares the images of the project's services with those of their registries, and pulls nothing.
	NewerImages(ctx context.Context, dir, name string) ([]compose.ServiceImage, error)
	// Pull pulls the image of one service, whatever its pull_policy is.
	Pull(ctx context.Context, dir, name, service string) error
	// Restart restarts the containers that the project has, and starts those that do not run. It needs no folder.
	Restart(ctx context.Context, name string) error
	// Start starts the containers that the project has, Stop ends them and keeps them. They need no folder.
	Start(ctx context.Context, name string) error
	Stop(ctx context.Context, name string) error
	// Volumes lists the names of the project's volumes.
	Volumes(ctx context.Context, name string) ([]string, error)
	// Down removes containers, networks and volumes of the project. It needs no folder, and nothing to be there.
	Down(ctx context.Context, name string) error
}

// Running is what an engine has of one project.
type Running struct {
	Containers []docker.Container
	Networks   []docker.Network
	// Asleep reports that it was stopped because nobody used it, and that the next request starts it.
	Asleep bool
}

// Look lists what the engine has of a project.
func Look(ctx context.Context, engine Lister, name Name) (Running, error) {
	containers, err := engine.Containers(ctx, composeProject+"="+string(name))
	if err != nil {
		return Running{}, err
	}
	all, err := engine.Networks(ctx)
	if err != nil {
		return Running{}, err
	}
	networks := slices.DeleteFunc(all, func(n docker.Network) bool { return n.Labels[composeProject] != string(name) })
	running := Running{Containers: containers, Networks: networks}
	running.Asleep, err = asleep(ctx, engine, running)
	return running, err
}

// asleep reports whether a project is asleep: nothing of it runs, and a container that may sleep has the restart policy that
// 'gateway stop' takes away.
func asleep(ctx context.Context, engine Lister, r Running) (bool, error) {
	if r.up() > 0 {
		return false, nil
	}
	for _, c := range r.Containers {
		if c.State != "exited" || !label.MaySleep(c.Labels) {
			continue
		}
		now, err := engine.Container(ctx, c.ID)
		if err != nil && !errors.Is(err, docker.ErrNotFound) {
			return false, err
		}
		if err == nil && now.Asleep() {
			return true, nil
		}
	}
	return false, nil
}

// ProjectOf is the compose project that something with these labels belongs to, or empty.
func ProjectOf(labels map[string]string) string { return labels[composeProject] }

// ServiceOf is the compose service of a container, or its name when it has none.
func ServiceOf(c docker.Container) string {
	if service := c.Labels[composeService]; service != "" {
		return service
	}
	return c.Name
}

// ShortName is a container's name for people: without its project's, as in web-1.
func ShortName(c docker.Container) string {
	name := strings.TrimSuffix(c.Name, label.Next)
	if short, ok := strings.CutPrefix(name, ProjectOf(c.Labels)+"-"); ok && ProjectOf(c.Labels) != "" {
		return short
	}
	return name
}

// empty reports that the engine has nothing of the project.
func (r Running) empty() bool { return len(r.Containers) == 0 && len(r.Networks) == 0 }

// runs reports that a container of the project runs, or is about to, if only upon the next request.
func (r Running) runs() bool { return r.up() > 0 || r.Asleep }

// up counts the containers that run, or are about to.
func (r Running) up() int {
	n := 0
	for _, c := range r.Containers {
		if runs(c) {
			n++
		}
	}
	return n
}

// runs reports that a container runs, or is about to.
func runs(c docker.Container) bool { return c.State == "running" || c.State == "restarting" }

// patience is how long a container may stop and be restarted until that is a reason to give up.
func (r Running) patience() time.Duration {
	if len(r.Containers) > 1 {
		return crashFor
	}
	return wrongFor
}

// ours reports whether anything of it was made for the gateway.
func (r Running) ours() bool {
	for _, c := range r.Containers {
		if label.Ours(c.Labels) {
			return true
		}
	}
	return r.edge()
}

// foreign returns an error when containers of that name were started from another folder: they are somebody else's. The
// source in the folder is where docker compose is run by hand for imported files.
func (r Running) foreign(name Name, dir string) error {
	for _, c := range r.Containers {
		from := c.Labels[composeDir]
		if from == "" || samePath(from, dir) || samePath(from, filepath.Join(dir, importer.Source)) {
			continue
		}
		if isGone(from) && isThere(dir) {
			return fmt.Errorf("project %s: its container %s was started from %s, which is gone; move the folder back: mv %s %s", name, c.Name, from, dir, from)
		}
		stray := Stray{Kind: Composed, Name: string(name), Dir: from}
		if r.edge() {
			stray.Kind, stray.sudo = Elsewhere, !writable(filepath.Dir(from))
		}
		return stray
	}
	return nil
}

// edge reports whether it has a network that was made for the gateway.
func (r Running) edge() bool {
	return slices.ContainsFunc(r.Networks, func(n docker.Network) bool { return n.Labels[label.Role] != "" })
}

// samePath compares paths of which either may be gone or be spelled through links.
func samePath(a, b string) bool {
	return filepath.Clean(a) == filepath.Clean(b) || resolved(a) == resolved(b)
}

// resolved follows links as far up as the path exists.
func resolved(path string) string {
	path = filepath.Clean(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if filepath.Dir(path) == path {
		return path
	}
	return filepath.Join(resolved(filepath.Dir(path)), filepath.Base(path))
}

// Own returns an error when what runs under the project's name was started from a folder that is not the project's.
func Own(ctx context.Context, engine Lister, store Store, name Name) error {
	running, err := Look(ctx, engine, name)
	if err != nil {
		return err
	}
	return running.foreign(name, store.Dir(name))
}
