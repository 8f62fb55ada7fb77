package stack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// Options are what Up needs beside the settings.
type Options struct {
	Settings
	// Secrets are written to the proxy's CertificateVolume by their names, before it starts, and are in no setting: whoever
	// may look at a container sees those. Those that were given before stay.
	Secrets map[string][]byte
	// Image is a reference that the engine has; Pack returns one.
	Image string
	// Subnet chooses that of the proxy's network among those in use; nil leaves it to the engine.
	Subnet func(used []docker.Network) (netip.Prefix, error)
	// Progress is called with each step before it begins.
	Progress func(Step)
}

// Look finds what of ours the engine has.
func Look(ctx context.Context, engine *docker.Client) (Running, error) {
	var r Running
	containers, err := engine.Containers(ctx, label.Role)
	if err != nil {
		return r, fmt.Errorf("looking for the gateway's containers: %w", err)
	}
	for i := range containers {
		switch containers[i].Name {
		case Proxy:
			r.Proxy = &containers[i]
		case Agent:
			r.Agent = &containers[i]
		}
	}
	networks, err := engine.Networks(ctx)
	if err != nil {
		return r, fmt.Errorf("looking for the gateway's network: %w", err)
	}
	r.Network = slices.ContainsFunc(networks, func(n docker.Network) bool { return n.Name == Network })
	return r, nil
}

// Up brings the two containers to what the options ask for and returns the steps it took: none when all was so
// already. When a container that replaces another does not start, the other is started again and the error says why.
func Up(ctx context.Context, engine *docker.Client, o Options) ([]Step, error) {
	running, err := Look(ctx, engine)
	if err != nil {
		return nil, err
	}
	imageID, err := engine.Images().ID(ctx, o.Image)
	if err != nil {
		return nil, fmt.Errorf("looking for image %s: %w", o.Image, err)
	}
	if err := engine.Images().Tag(ctx, o.Image, Latest); err != nil {
		return nil, fmt.Errorf("naming the image %s: %w", Latest, err)
	}
	if running.secrets, err = readSecrets(ctx, engine, running, o.Secrets); err != nil {
		return nil, err
	}
	steps, err := plan(running, o, imageID)
	if err != nil {
		return nil, err
	}
	for i, step := range steps {
		if ctx.Err() != nil {
			return steps[:i], ctx.Err()
		}
		if o.Progress != nil {
			o.Progress(step)
		}
		if err := finish(ctx, engine, step, o); err != nil {
			return steps[:i], err
		}
	}
	return steps, dropFormer(ctx, engine, running, o.Image)
}

// readSecrets reads those secrets that the proxy has of the ones that it is to have.
func readSecrets(ctx context.Context, engine *docker.Client, running Running, wanted map[string][]byte) (map[string][]byte, error) {
	has := map[string][]byte{}
	if running.Proxy == nil {
		return has, nil
	}
	for name := range wanted {
		text, err := engine.Read(ctx, Proxy, SecretFile(name))
		if errors.Is(err, docker.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the proxy's secrets: %w", err)
		}
		has[name] = text
	}
	return has, nil
}

// stepTime bounds one step, beside the time that what it replaces may take to end.
const stepTime = time.Minute

// finish takes a step to its end even when the caller is interrupted: between the stop of one container and the start
// of the next the site is down, and would stay so.
func finish(ctx context.Context, engine *docker.Client, step Step, o Options) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime+step.stop)
	defer cancel()
	return take(ctx, engine, step, o)
}

// dropFormer removes the image that the proxy ran before, unless a project still runs it.
func dropFormer(ctx context.Context, engine *docker.Client, running Running, image string) error {
	if running.Proxy == nil || running.Proxy.Image == image || !strings.HasPrefix(running.Proxy.Image, "gateway:") {
		return nil
	}
	if err := engine.Images().Remove(ctx, running.Proxy.Image); err != nil && !errors.Is(err, docker.ErrInUse) {
		return fmt.Errorf("removing the former image %s: %w", running.Proxy.Image, err)
	}
	return nil
}

func take(ctx context.Context, engine *docker.Client, step Step, o Options) error {
	if step.Action == CreateNetwork {
		return createNetwork(ctx, engine, o.Subnet)
	}
	if step.Action == Replace {
		if err := engine.Remove(ctx, step.Subject, step.stop); err != nil {
			return fmt.Errorf("stopping %s: %w", step.Subject, err)
		}
	}
	id, err := run(ctx, engine, step.spec)
	if err != nil {
		return errors.Join(fmt.Errorf("starting %s: %w", step.Subject, err), restore(ctx, engine, step))
	}
	return attach(ctx, engine, id, step, o.Names())
}

// run starts a container, with as many open files as the engine has where that is less than it should have: one without
// root cannot give more. The proxy finds out and bounds connections by it.
func run(ctx context.Context, engine *docker.Client, spec docker.Spec) (id string, err error) {
	id, err = engine.Run(ctx, spec)
	if errors.Is(err, docker.ErrOpenFiles) {
		spec.OpenFiles = 0
		return engine.Run(ctx, spec)
	}
	return id, err
}

// restore starts the container again that was to be replaced.
func restore(ctx context.Context, engine *docker.Client, step Step) error {
	if step.before == nil {
		return nil
	}
	id, err := run(ctx, engine, *step.before)
	if err != nil {
		return fmt.Errorf("starting the former %s again: %w", step.Subject, err)
	}
	return attach(ctx, engine, id, step, recorded(step.before.Labels).Settings.Names())
}

// attach puts a new container on the networks of the one it replaces, so that projects are reachable at once and not
// only when the agent has looked. A network that went away in between is no loss.
func attach(ctx context.Context, engine *docker.Client, id string, step Step, hosts []string) error {
	for _, network := range step.attach {
		aliases := hosts
		if network == "bridge" {
			aliases = nil
		}
		err := engine.Connect(ctx, network, id, aliases)
		if err != nil && !errors.Is(err, docker.ErrNotFound) {
			return fmt.Errorf("joining %s to network %s: %w", step.Subject, network, err)
		}
	}
	return nil
}

func createNetwork(ctx context.Context, engine *docker.Client, choose func([]docker.Network) (netip.Prefix, error)) error {
	spec := docker.NetworkSpec{Name: Network, Labels: map[string]string{label.Role: label.RoleProxy}}
	if choose != nil {
		used, err := engine.Networks(ctx)
		if err != nil {
			return fmt.Errorf("listing networks: %w", err)
		}
		if spec.Subnet, err = choose(used); err != nil {
			return fmt.Errorf("choosing a subnet for network %s: %w", Network, err)
		}
	}
	if _, err := engine.CreateNetwork(ctx, spec); err != nil && !errors.Is(err, docker.ErrNameTaken) {
		return fmt.Errorf("creating network %s: %w", Network, err)
	}
	return nil
}

// Down stops and removes both containers, the proxy's network and the volume of the admin socket. With purge it also
// removes the last good table and the images that nothing uses any more, but never certificates. Projects go on running. It returns the names
// of what it removed, and is done at once when there is nothing.
func Down(ctx context.Context, engine *docker.Client, purge bool) ([]string, error) {
	running, err := Look(ctx, engine)
	if err != nil {
		return nil, err
	}
	var removed []string
	// The agent first, so that it does not tell a proxy that is going away about it.
	for _, c := range []*docker.Container{running.Agent, running.Proxy} {
		if c == nil {
			continue
		}
		if err := engine.Remove(ctx, c.ID, stopTime(c)); err != nil {
			return removed, fmt.Errorf("removing %s: %w", c.Name, err)
		}
		removed = append(removed, c.Name)
	}
	if running.Network {
		if err := engine.RemoveNetwork(ctx, Network); err != nil {
			return removed, fmt.Errorf("removing network %s: %w", Network, err)
		}
		removed = append(removed, "network "+Network)
	}
	return removed, removeStored(ctx, engine, running, purge)
}

func removeStored(ctx context.Context, engine *docker.Client, running Running, purge bool) error {
	volumes, images := []string{RunVolume}, []string{}
	if purge {
		volumes = append(volumes, StateVolume, AgentVolume)
		images = append(images, Latest)
		if running.Proxy != nil && strings.HasPrefix(running.Proxy.Image, "gateway:") {
			images = append(images, running.Proxy.Image)
		}
	}
	for _, v := range volumes {
		if err := engine.RemoveVolume(ctx, v); err != nil {
			return fmt.Errorf("removing volume %s: %w", v, err)
		}
	}
	for _, image := range images {
		if err := engine.Images().Remove(ctx, image); err != nil && !errors.Is(err, docker.ErrInUse) {
			return fmt.Errorf("removing image %s: %w", image, err)
		}
	}
	return nil
}
