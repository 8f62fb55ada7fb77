package dockertest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

func (a *api) handleCreate(r *http.Request) (int, any, error) {
	w := a.world
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, nil, err
	}
	var request struct {
		config
		HostConfig       json.RawMessage
		NetworkingConfig *struct {
			EndpointsConfig map[string]*struct{ Aliases []string }
		}
	}
	if err := json.Unmarshal(raw, &request); err != nil {
		return 0, nil, refuse(http.StatusBadRequest, "invalid JSON: %v", err)
	}
	b := &box{name: r.URL.Query().Get("name"), config: request.config, hostConfig: request.HostConfig, ends: map[string]*end{}}
	if len(request.HostConfig) > 0 {
		if err := json.Unmarshal(request.HostConfig, &b.limits); err != nil {
			return 0, nil, refuse(http.StatusBadRequest, "invalid JSON: %v", err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.image = w.image(b.config.Image); b.image == nil {
		return 0, nil, refuse(http.StatusNotFound, "No such image: %s", b.config.Image)
	}
	networks := map[string][]string{}
	if mode := cmp.Or(b.limits.NetworkMode, "default"); !strings.HasPrefix(mode, "container:") {
		networks[mode] = nil
	}
	if request.NetworkingConfig != nil {
		for name, at := range request.NetworkingConfig.EndpointsConfig {
			networks[name] = nil
			if at != nil {
				networks[name] = at.Aliases
			}
		}
	}
	if err := w.create(b, networks); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, map[string]any{"Id": b.id, "Warnings": []string{}}, nil
}

// create adds a container on networks, each with aliases. The lock is held.
func (w *world) create(b *box, networks map[string][]string) error {
	b.world, b.id, b.state, b.created = w, newID(), "created", time.Now()
	if b.name == "" {
		b.name = "box_" + b.id[:8]
	}
	if other, err := w.box(b.name); err == nil && other.name == b.name {
		return refuse(http.StatusConflict, "Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", "/"+b.name, other.id)
	}
	for _, m := range b.limits.Mounts {
		if _, there := w.volumes[m.Source]; m.Type == "volume" && m.Source != "" && !there {
			w.volumes[m.Source] = nil
		}
	}
	if b.config.Labels == nil {
		b.config.Labels = map[string]string{}
	}
	for name, aliases := range networks {
		if name == "default" {
			name = "bridge"
		}
		at := &end{aliases: aliases, bridge: &bridge{name: name}}
		if n, err := w.network(name); err == nil {
			at.bridge = n
		}
		b.ends[name] = at
	}
	for key, value := range b.image.labels {
		if _, own := b.config.Labels[key]; !own {
			b.config.Labels[key] = value
		}
	}
	w.boxes = slices.Insert(w.boxes, 0, b)
	w.index[b.id] = b
	b.emit("create", nil)
	return nil
}

// exposed are the ports that a container and its image expose.
func (b *box) exposed() map[string]struct{} {
	all := maps.Clone(b.config.ExposedPorts)
	if all == nil {
		all = map[string]struct{}{}
	}
	maps.Copy(all, b.image.exposed)
	return all
}

func (a *api) handleInspect(r *http.Request) (int, any, error) {
	w := a.world
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.box(r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	ports := map[string][]portBinding{}
	if b.up() {
		for port := range b.exposed() {
			ports[port] = nil
		}
	}
	for _, p := range b.bindings {
		key := fmt.Sprintf("%d/%s", p.port, p.protocol)
		ports[key] = append(ports[key], portBinding{cmp.Or(p.ip, "0.0.0.0"), fmt.Sprint(p.host)})
	}
	state := map[string]any{
		"Status": b.state, "Running": b.up() || b.state == "restarting", "Paused": b.state == "paused", "Restarting": b.state == "restarting",
		"ExitCode": b.exit, "OOMKilled": b.oom, "StartedAt": b.started.UTC(), "FinishedAt": b.finished.UTC(),
	}
	if b.health != "" {
		state["Health"] = map[string]any{"Status": b.health, "FailingStreak": b.failing}
	}
	mounts := []map[string]string{}
	for _, m := range b.limits.Mounts {
		mounts = append(mounts, map[string]string{"Type": m.Type, "Name": m.Source, "Source": m.Source, "Destination": m.Target})
	}
	return http.StatusOK, map[string]any{
		"Mounts": mounts,
		"Id":     b.id, "Name": "/" + b.name, "Created": b.created.UTC(), "RestartCount": b.restarts, "Image": b.image.id, "State": state, "HostConfig": b.hostConfig,
		"Config": map[string]any{
			"Image": b.config.Image, "User": b.config.User, "Tty": b.config.Tty, "Labels": b.config.Labels, "ExposedPorts": b.exposed(),
			"Cmd": b.config.Cmd, "Entrypoint": b.config.Entrypoint, "Healthcheck": b.config.Healthcheck, "StopTimeout": b.config.StopTimeout,
		},
		"NetworkSettings": map[string]any{"Ports": ports, "Networks": places(b)},
	}, nil
}

// place is a container's place on a network on the wire.
type place struct {
	Aliases                        []string
	NetworkID, EndpointID, Gateway string
	IPAddress                      string
	IPPrefixLen                    int
	GlobalIPv6Address, MacAddress  string
}

func places(b *box) map[string]place {
	places := make(map[string]place, len(b.ends))
	for name, at := range b.ends {
		p := place{NetworkID: at.bridge.id, EndpointID: at.id, Aliases: at.aliases}
		if at.address.IsValid() {
			p.IPAddress, p.IPPrefixLen = at.address.String(), at.bridge.subnet.Bits()
			p.Gateway, p.MacAddress = at.bridge.gateway().String(), hardware(at.address)
		}
		places[name] = p
	}
	return places
}

// hardware is the address that the engine makes out of an IPv4 address.
func hardware(ip netip.Addr) string {
	return "02:42:" + net.HardwareAddr(ip.AsSlice()).String()
}

// act does something to a container that a request names.
func act(w *world, r *http.Request, do func(*box) error) (int, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.box(r.PathValue("name"))
	if err == nil {
		err = do(b)
	}
	if r, ok := errors.AsType[*refusal](err); ok && r.status == http.StatusNotModified {
		return r.status, nil, nil
	}
	return http.StatusNoContent, nil, err
}

func (a *api) handleStart(r *http.Request) (int, any, error) { return act(a.world, r, (*box).start) }

func (a *api) handleStop(r *http.Request) (int, any, error) { return act(a.world, r, (*box).stop) }

func (a *api) handleKill(r *http.Request) (int, any, error) {
	return act(a.world, r, func(b *box) error { return b.kill(cmp.Or(r.URL.Query().Get("signal"), "9")) })
}

func (a *api) handlePause(r *http.Request) (int, any, error) { return act(a.world, r, (*box).pause) }

func (a *api) handleUnpause(r *http.Request) (int, any, error) {
	return act(a.world, r, (*box).unpause)
}

func (a *api) handleRemove(r *http.Request) (int, any, error) {
	return act(a.world, r, func(b *box) error {
		return b.remove(slices.Contains([]string{"1", "true"}, strings.ToLower(r.URL.Query().Get("force"))))
	})
}
