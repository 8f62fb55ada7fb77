package dockertest

import (
	"cmp"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// binding is a port of a running container on the host.
type binding struct {
	ip         string // empty means all
	host, port uint16
	protocol   string
}

// start starts a container. The lock is held.
func (b *box) start() error {
	w := b.world
	if b.state == "running" {
		return refuse(http.StatusNotModified, "")
	}
	for name := range b.ends {
		if _, err := w.network(name); err != nil {
			return err
		}
	}
	for _, limit := range b.limits.Ulimits {
		if w.files > 0 && limit.Hard > w.files {
			return refuse(http.StatusInternalServerError, "OCI runtime create failed: runc create failed: unable to start container process: "+
				"error during container init: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted")
		}
	}
	bindings, err := w.bind(b)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(b.ends)) {
		if err := b.plug(b.ends[name]); err != nil {
			return err
		}
	}
	b.bindings, b.state, b.exit, b.started, b.run = bindings, "running", 0, time.Now(), b.run+1
	b.failing, b.restarts, b.oom = 0, 0, false
	b.changed()
	b.emit("start", nil)
	if b.config.Healthcheck != nil {
		b.health = "starting"
		b.scheduleCheck()
	}
	exit, running := b.main()
	if !running {
		b.die(exit)
		if policy := b.limits.RestartPolicy.Name; policy == "always" || policy == "unless-stopped" || policy == "on-failure" && exit != 0 {
			b.state = "restarting"
			b.restarts++
		}
	}
	return nil
}

// plug gives a container its address on a network. The lock is held.
func (b *box) plug(at *end) error {
	w := b.world
	if at.bridge.driver != "bridge" {
		return nil
	}
	address, err := at.bridge.allocate(at.given)
	if err != nil {
		return err
	}
	at.address, at.id = address, newID()
	b.changed()
	w.emitNetwork(at.bridge, "connect", b.id)
	return nil
}

// unplug takes a container's address on a network away. The lock is held.
func (b *box) unplug(at *end) {
	w := b.world
	if at.id == "" {
		return
	}
	delete(at.bridge.used, at.address)
	at.address, at.id = netip.Addr{}, ""
	b.changed()
	w.emitNetwork(at.bridge, "disconnect", b.id)
}

// die ends a container's process. Engines of old tell of the death before they take the networks away; 28.5 was seen to
// tell of it last, after the stop that it belongs to. The lock is held.
func (b *box) die(exit int) {
	b.state, b.exit, b.finished, b.bindings = "exited", exit, time.Now(), nil
	if b.health != "" {
		b.health = "unhealthy"
	}
	b.changed()
	code := map[string]string{"exitCode": strconv.Itoa(exit)}
	last := !older(b.world.api, "1.44")
	if !last {
		b.emit("die", code)
	}
	for _, name := range slices.Sorted(maps.Keys(b.ends)) {
		b.unplug(b.ends[name])
	}
	if b.stopping {
		b.emit("stop", nil)
	}
	if last {
		b.emit("die", code)
	}
}

// signals are the numbers of those that have a name here.
var signals = map[string]string{"HUP": "1", "INT": "2", "QUIT": "3", "KILL": "9", "USR1": "10", "USR2": "12", "TERM": "15"}

// kill sends a signal, by name or number, and lets the container end when its program does upon it. The lock is held.
func (b *box) kill(signal string) error {
	if !b.up() {
		return refuse(http.StatusConflict, "Cannot kill container: %s: Container %s is not running", b.name, b.id)
	}
	number := signal
	if n, ok := signals[strings.TrimPrefix(strings.ToUpper(signal), "SIG")]; ok {
		number = n
	}
	b.emit("kill", map[string]string{"signal": number})
	if exit, ends := b.signalled(number); ends {
		b.die(exit)
	}
	return nil
}

// up reports whether the container has a process.
func (b *box) up() bool { return b.state == "running" || b.state == "paused" }

// stop stops a container as the engine does, but without waiting. The lock is held.
func (b *box) stop() error {
	if !b.up() {
		if b.state == "restarting" {
			b.state = "exited"
			b.changed()
			return nil
		}
		return refuse(http.StatusNotModified, "")
	}
	b.stopping = true
	defer func() { b.stopping = false }()
	if err := b.kill("15"); err != nil || !b.up() {
		return err
	}
	return b.kill("9")
}

// pause freezes a container. The lock is held.
func (b *box) pause() error {
	if b.state != "running" {
		return refuse(http.StatusConflict, "Container %s is not running", b.id)
	}
	b.state = "paused"
	b.changed()
	b.emit("pause", nil)
	return nil
}

// unpause lets a container go on. The lock is held.
func (b *box) unpause() error {
	if b.state != "paused" {
		return refuse(http.StatusConflict, "Container %s is not paused", b.id)
	}
	b.state = "running"
	b.changed()
	b.emit("unpause", nil)
	return nil
}

// remove removes a container, killing it when forced. The lock is held.
func (b *box) remove(force bool) error {
	w := b.world
	if b.up() || b.state == "restarting" {
		if !force {
			return refuse(http.StatusConflict, "You cannot remove a running container %s. Stop the container before attempting removal or force remove", b.id)
		}
		if b.up() {
			_ = b.kill("9")
		}
	}
	w.boxes = slices.DeleteFunc(w.boxes, func(other *box) bool { return other == b })
	delete(w.index, b.id)
	b.emit("destroy", nil)
	return nil
}

// bind takes the ports that a container publishes. The lock is held.
func (w *world) bind(b *box) ([]binding, error) {
	var list []binding
	for _, port := range slices.Sorted(maps.Keys(b.limits.PortBindings)) {
		number, protocol, _ := strings.Cut(port, "/")
		inside, _ := strconv.ParseUint(number, 10, 16)
		for _, p := range b.limits.PortBindings[port] {
			host, _ := strconv.ParseUint(p.HostPort, 10, 16)
			want := binding{ip: p.HostIP, host: uint16(host), port: uint16(inside), protocol: protocol}
			if want.host == 0 {
				want.host = w.freePort()
			}
			if want.ip == "0.0.0.0" || want.ip == "::" {
				want.ip = ""
			}
			if w.bound(want) {
				return nil, refuse(http.StatusInternalServerError,
					"driver failed programming external connectivity on endpoint %s (%s): Bind for %s:%d failed: port is already allocated",
					b.name, newID(), cmp.Or(want.ip, "0.0.0.0"), want.host)
			}
			list = append(list, want)
		}
	}
	return list, nil
}

// bound reports whether a running container has a port. The lock is held.
func (w *world) bound(want binding) bool {
	for _, b := range w.boxes {
		for _, have := range b.bindings {
			if have.host == want.host && have.protocol == want.protocol && (have.ip == "" || want.ip == "" || have.ip == want.ip) {
				return true
			}
		}
	}
	return false
}

// freePort is the next of the ports that the engine gives away. The lock is held.
func (w *world) freePort() uint16 {
	port := uint16(49153)
	for w.bound(binding{host: port, protocol: "tcp"}) {
		port++
	}
	return port
}
