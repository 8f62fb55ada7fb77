package dockertest

import (
	"cmp"
	"net/netip"
	"strconv"
	"time"
)

// Container describes a container to add.
type Container struct {
	// Name and Image may be empty; the image is added when it is not there.
	Name, Image string
	Labels      map[string]string
	// Networks are names of networks that are there; none means bridge.
	Networks []string
	// Addresses gives the container addresses of choice on some networks, such as one where something really listens.
	Addresses map[string]netip.Addr
	// Ports are exposed over TCP; Publish maps ports of the host to ports of the container.
	Ports   []uint16
	Publish map[uint16]uint16
	// Volumes are mounted: names by path inside the container.
	Volumes map[string]string
	// Health makes the container one with a health check, in that state.
	Health string
	// Stopped leaves it created and never started.
	Stopped bool
}

// Network describes a network to add.
type Network struct {
	Name     string
	Labels   map[string]string
	Internal bool
	// Subnet is taken from the default pools when invalid.
	Subnet netip.Prefix
	// Created is now when zero.
	Created time.Time
}

// AddImage adds an image that exposes ports.
func (e *Engine) AddImage(ref string, ports ...uint16) {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	e.world.addImage(ref, ports)
}

// AddPulled adds an image that came from a registry.
func (e *Engine) AddPulled(ref string) {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	e.world.addImage(ref, nil)
	i := e.world.image(ref)
	i.digests = []string{ref + "@" + i.id}
}

// addImage adds an image when it is not there. The lock is held.
func (w *world) addImage(ref string, ports []uint16) {
	if w.image(ref) != nil {
		return
	}
	i := &image{id: "sha256:" + newID(), created: time.Now(), exposed: map[string]struct{}{}, labels: map[string]string{}}
	for _, port := range ports {
		i.exposed[strconv.Itoa(int(port))+"/tcp"] = struct{}{}
	}
	w.images = append(w.images, i)
	w.tag(i, ref)
}

// AddNetwork adds a bridge network and returns its id.
func (e *Engine) AddNetwork(n Network) string {
	e.tb.Helper()
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	b := &bridge{name: n.Name, driver: "bridge", internal: n.Internal, labels: n.Labels, subnet: n.Subnet.Masked(), ownSubnet: n.Subnet.IsValid(), created: n.Created}
	if err := e.world.addNetwork(b, true); err != nil {
		e.tb.Fatalf("adding network %s: %v", n.Name, err)
	}
	return b.id
}

// AddContainer creates and starts a container and returns its id.
func (e *Engine) AddContainer(c Container) string {
	e.tb.Helper()
	w := e.world
	w.mu.Lock()
	defer w.mu.Unlock()
	b := &box{name: c.Name, ends: map[string]*end{}}
	b.config = config{Image: cmp.Or(c.Image, "app:latest"), Labels: c.Labels, ExposedPorts: map[string]struct{}{}}
	w.addImage(b.config.Image, nil)
	b.image = w.image(b.config.Image)
	for _, port := range c.Ports {
		b.config.ExposedPorts[strconv.Itoa(int(port))+"/tcp"] = struct{}{}
	}
	b.limits.PortBindings = map[string][]portBinding{}
	for host, inside := range c.Publish {
		key := strconv.Itoa(int(inside)) + "/tcp"
		b.limits.PortBindings[key] = append(b.limits.PortBindings[key], portBinding{HostPort: strconv.Itoa(int(host))})
	}
	for target, name := range c.Volumes {
		b.limits.Mounts = append(b.limits.Mounts, hostMount{Type: "volume", Source: name, Target: target})
	}
	networks := map[string][]string{}
	for _, name := range c.Networks {
		networks[name] = nil
	}
	if len(networks) == 0 {
		networks["bridge"] = nil
	}
	err := w.create(b, networks)
	for name, address := range c.Addresses {
		b.ends[name].given = address
	}
	if err == nil && !c.Stopped {
		err = b.start()
	}
	if err != nil {
		e.tb.Fatalf("adding container %s: %v", c.Name, err)
	}
	if c.Health != "" {
		b.config.Healthcheck = &healthcheck{Test: []string{"CMD-SHELL", "true"}} // never runs here
		b.health = c.Health
	}
	b.changed()
	return b.id
}

// arrange does something to a container.
func arrange(e *Engine, name, what string, do func(*box) error) {
	e.tb.Helper()
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	b, err := e.world.box(name)
	if err == nil {
		err = do(b)
	}
	if err != nil {
		e.tb.Fatalf("%s %s: %v", what, name, err)
	}
}

// Start starts a container.
func (e *Engine) Start(name string) {
	e.tb.Helper()
	arrange(e, name, "starting", (*box).start)
}

// Stop stops a container.
func (e *Engine) Stop(name string) {
	e.tb.Helper()
	arrange(e, name, "stopping", (*box).stop)
}

// Kill sends a signal, such as "KILL" or "15", to a container, which dies of it unless its program says otherwise.
func (e *Engine) Kill(name, signal string) {
	e.tb.Helper()
	arrange(e, name, "killing", func(b *box) error { return b.kill(signal) })
}

// Remove removes a container, running or not.
func (e *Engine) Remove(name string) {
	e.tb.Helper()
	arrange(e, name, "removing", func(b *box) error { return b.remove(true) })
}

// SetHealth makes a container starting, healthy or unhealthy.
func (e *Engine) SetHealth(name, health string) {
	e.tb.Helper()
	arrange(e, name, "setting the health of", func(b *box) error {
		b.setHealth(health)
		return nil
	})
}

// SetState puts a container into a state that its events do not tell of, such as restarting, removing or dead.
func (e *Engine) SetState(name, state string) {
	e.tb.Helper()
	arrange(e, name, "setting the state of", func(b *box) error {
		b.state = state
		b.changed()
		return nil
	})
}

// Crash puts a container into the state of one that keeps crashing: it ended with that exit code, for lack of memory or
// not, and was restarted so many times.
func (e *Engine) Crash(name string, exit, restarts int, oom bool) {
	e.tb.Helper()
	arrange(e, name, "crashing", func(b *box) error {
		if b.up() {
			b.die(exit)
		}
		b.state, b.exit, b.restarts, b.oom = "restarting", exit, restarts, oom
		b.changed()
		return nil
	})
}

// Pause freezes a container.
func (e *Engine) Pause(name string) {
	e.tb.Helper()
	arrange(e, name, "pausing", (*box).pause)
}

// Unpause lets a paused container go on.
func (e *Engine) Unpause(name string) {
	e.tb.Helper()
	arrange(e, name, "unpausing", (*box).unpause)
}

// Connect puts a container on a network.
func (e *Engine) Connect(network, container string) {
	e.tb.Helper()
	arrange(e, container, "connecting", func(*box) error { return e.world.connect(network, container, nil) })
}

// Disconnect takes a container off a network.
func (e *Engine) Disconnect(network, container string) {
	e.tb.Helper()
	arrange(e, container, "disconnecting", func(*box) error { return e.world.disconnect(network, container) })
}

// Noise emits the events of so many health checks of a container.
func (e *Engine) Noise(name string, checks int) {
	e.tb.Helper()
	arrange(e, name, "checking", func(b *box) error {
		for range checks {
			b.noise([]string{"/check"}, 0)
		}
		return nil
	})
}

// Program makes path an executable in every container.
func (e *Engine) Program(path string, p Program) {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	e.world.programs[path] = p
}
