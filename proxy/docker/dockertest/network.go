package dockertest

import (
	"cmp"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

func handleNetworks(handle func(string, answer), w *world) {
	handle("GET /networks", func(r *http.Request) (int, any, error) { return listNetworks(w, r) })
	handle("GET /networks/{name}", func(r *http.Request) (int, any, error) { return inspectNetwork(w, r) })
	handle("POST /networks/create", func(r *http.Request) (int, any, error) { return createNetwork(w, r) })
	handle("DELETE /networks/{name}", func(r *http.Request) (int, any, error) { return removeNetwork(w, r) })
	handle("POST /networks/{name}/connect", func(r *http.Request) (int, any, error) { return connect(w, r) })
	handle("POST /networks/{name}/disconnect", func(r *http.Request) (int, any, error) { return disconnect(w, r) })
}

func listNetworks(w *world, r *http.Request) (int, any, error) {
	filters, err := filters(r)
	if err != nil {
		return 0, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []map[string]any{}
	for _, n := range w.networks {
		if names := filters["name"]; len(names) > 0 && !slices.ContainsFunc(names, func(s string) bool { return strings.Contains(n.name, s) }) {
			continue
		}
		if labels := filters["label"]; len(labels) > 0 && !listed(&box{config: config{Labels: n.labels}}, map[string][]string{"label": labels}) {
			continue
		}
		list = append(list, n.encode())
	}
	return http.StatusOK, list, nil
}

// encode is a network on the wire.
func (n *bridge) encode() map[string]any {
	pools := []map[string]string{}
	if n.subnet.IsValid() {
		pool := map[string]string{"Subnet": n.subnet.String()}
		if !n.ownSubnet {
			pool["Gateway"] = n.gateway().String()
		}
		pools = append(pools, pool)
	}
	labels := n.labels
	if labels == nil {
		labels = map[string]string{}
	}
	return map[string]any{
		"Name": n.name, "Id": n.id, "Created": n.created.UTC(), "Scope": "local", "Driver": n.driver, "Internal": n.internal,
		"IPAM":   map[string]any{"Driver": "default", "Options": nil, "Config": pools},
		"Labels": labels, "Options": map[string]string{}, "Containers": map[string]any{},
	}
}

func inspectNetwork(w *world, r *http.Request) (int, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.network(r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	containers := map[string]any{}
	for _, b := range w.boxes {
		if at := b.ends[n.name]; at != nil && at.bridge == n && at.id != "" {
			containers[b.id] = map[string]string{
				"Name": b.name, "EndpointID": at.id, "MacAddress": hardware(at.address), "IPv6Address": "",
				"IPv4Address": netip.PrefixFrom(at.address, n.subnet.Bits()).String(),
			}
		}
	}
	encoded := n.encode()
	encoded["Containers"] = containers
	return http.StatusOK, encoded, nil
}

func createNetwork(w *world, r *http.Request) (int, any, error) {
	var request struct {
		Name, Driver             string
		Internal, CheckDuplicate bool
		Labels                   map[string]string
		IPAM                     *struct{ Config []struct{ Subnet string } }
	}
	if err := read(r, &request); err != nil {
		return 0, nil, err
	}
	n := &bridge{name: request.Name, driver: cmp.Or(request.Driver, "bridge"), internal: request.Internal, labels: request.Labels}
	if request.IPAM != nil && len(request.IPAM.Config) > 0 {
		subnet, err := netip.ParsePrefix(request.IPAM.Config[0].Subnet)
		if err != nil {
			return 0, nil, refuse(http.StatusBadRequest, "invalid CIDR address: %s", request.IPAM.Config[0].Subnet)
		}
		n.subnet, n.ownSubnet = subnet, true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.addNetwork(n, request.CheckDuplicate || !older(w.api, "1.44")); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, map[string]string{"Id": n.id, "Warning": ""}, nil
}

// addNetwork adds a network. The lock is held.
func (w *world) addNetwork(n *bridge, unique bool) error {
	if unique && slices.ContainsFunc(w.networks, func(other *bridge) bool { return other.name == n.name }) {
		return refuse(http.StatusConflict, "network with name %s already exists", n.name)
	}
	if n.subnet.IsValid() {
		if err := w.overlaps(n.subnet); err != nil {
			return err
		}
	} else {
		free, err := w.freeSubnet()
		if err != nil {
			return err
		}
		n.subnet = free
	}
	n.id, n.used = newID(), map[netip.Addr]bool{}
	if n.created.IsZero() {
		n.created = time.Now()
	}
	w.networks = append(w.networks, n)
	w.emitNetwork(n, "create", "")
	return nil
}

func removeNetwork(w *world, r *http.Request) (int, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.network(r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	if slices.Contains([]string{"bridge", "host", "none"}, n.name) {
		return 0, nil, refuse(http.StatusForbidden, "%s is a pre-defined network and cannot be removed", n.name)
	}
	for _, b := range w.boxes {
		if at := b.ends[n.name]; at != nil && at.bridge == n && at.id != "" {
			return 0, nil, refuse(http.StatusForbidden, "error while removing network: network %s id %s has active endpoints", n.name, n.id)
		}
	}
	w.networks = slices.DeleteFunc(w.networks, func(other *bridge) bool { return other == n })
	w.emitNetwork(n, "destroy", "")
	return http.StatusNoContent, nil, nil
}

func connect(w *world, r *http.Request) (int, any, error) {
	var request struct {
		Container      string
		EndpointConfig *struct{ Aliases []string }
	}
	if err := read(r, &request); err != nil {
		return 0, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var aliases []string
	if request.EndpointConfig != nil {
		aliases = request.EndpointConfig.Aliases
	}
	return http.StatusOK, nil, w.connect(r.PathValue("name"), request.Container, aliases)
}

// connect puts a container on a network. The lock is held.
func (w *world) connect(network, container string, aliases []string) error {
	b, err := w.box(container)
	if err != nil {
		return err
	}
	n, err := w.network(network)
	if err != nil {
		return err
	}
	if at := b.ends[n.name]; at != nil && at.id != "" {
		return refuse(http.StatusForbidden, "endpoint with name %s already exists in network %s", b.name, n.name)
	}
	at := &end{bridge: n, aliases: aliases}
	if b.up() {
		if err := b.plug(at); err != nil {
			return err
		}
	}
	b.ends[n.name] = at
	b.changed()
	return nil
}

func disconnect(w *world, r *http.Request) (int, any, error) {
	var request struct{ Container string }
	if err := read(r, &request); err != nil {
		return 0, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return http.StatusOK, nil, w.disconnect(r.PathValue("name"), request.Container)
}

// disconnect takes a container off a network. The lock is held.
func (w *world) disconnect(network, container string) error {
	b, err := w.box(container)
	if err != nil {
		return err
	}
	n, err := w.network(network)
	if err != nil {
		return err
	}
	at := b.ends[n.name]
	if at == nil {
		return refuse(http.StatusForbidden, "container %s is not connected to network %s", b.id, n.name)
	}
	delete(b.ends, n.name)
	twice := at.id != "" && older(w.api, "1.44")
	b.unplug(at)
	if twice {
		w.emitNetwork(n, "disconnect", b.id)
	}
	b.changed()
	return nil
}
