package docker

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// view is what the rules for addresses know beside the container itself.
type view struct {
	networks     []docker.Network
	byID, byName map[string]*docker.Network
	// proxyOn are the names of the networks that the proxy is on.
	proxyOn map[string]bool
	// since is when the oldest network of each compose project was created.
	since map[string]time.Time
}

// reached is how a container is reached.
type reached struct {
	// network is the name of the network, address host:port, empty while there is none.
	network, address string
	// claimed is since when the container's project, or the container where it has none, holds its prefixes.
	claimed time.Time
}

// fault is why a container cannot be reached and what to write.
type fault struct{ message, fix string }

func newView(networks []docker.Network, proxy *docker.Container) *view {
	v := &view{
		networks: slices.SortedFunc(slices.Values(networks), func(a, b docker.Network) int { return cmp.Compare(a.ID, b.ID) }),
		byID:     make(map[string]*docker.Network, len(networks)),
		byName:   make(map[string]*docker.Network, len(networks)),
		proxyOn:  make(map[string]bool),
		since:    make(map[string]time.Time),
	}
	for i := range v.networks {
		n := &v.networks[i]
		v.byID[n.ID], v.byName[n.Name] = n, n
		project := n.Labels[composeProject]
		if old, known := v.since[project]; project != "" && !n.Created.IsZero() && (!known || n.Created.Before(old)) {
			v.since[project] = n.Created
		}
	}
	if proxy != nil {
		for _, a := range proxy.Networks {
			v.proxyOn[a.Network] = true
		}
	}
	return v
}

// network is what the engine said of an attachment's network, nil when it did not list it.
func (v *view) network(a docker.Attachment) *docker.Network {
	if n := v.byID[a.NetworkID]; n != nil {
		return n
	}
	return v.byName[a.Network]
}

func (v *view) role(a docker.Attachment) string {
	if n := v.network(a); n != nil {
		return n.Labels[label.Role]
	}
	return ""
}

// reach applies the rules for networks and ports to one claim of a container.
func (v *view) reach(c *docker.Container, claim *label.Claim) (reached, *fault) {
	edges := v.edges(c)
	r := reached{claimed: v.claimed(c)}
	if len(c.Networks) == 0 && c.State != "running" {
		return r, nil // it may have been taken off its networks; nothing is reached there anyway
	}
	a, bad := v.choose(c, claim, edges)
	if bad != nil {
		return r, bad
	}
	r.network = a.Network
	if !a.Address.IsValid() {
		return r, nil
	}
	port, bad := portOf(c, claim)
	if bad != nil {
		return r, bad
	}
	r.address = netip.AddrPortFrom(a.Address, port).String()
	return r, nil
}

// claimed is since when a container holds its prefixes: since its compose project has a network, as networks outlive a
// redeploy and containers do not. A network that several projects share says nothing of their age.
func (v *view) claimed(c *docker.Container) time.Time {
	if since, known := v.since[projectOf(c)]; known {
		return since
	}
	return c.Created
}

// edges are the container's edge networks, those of its own project first, then by name. Only the label makes a network
// one: what people call web may have their database on it.
func (v *view) edges(c *docker.Container) []docker.Attachment {
	var own, others []docker.Attachment
	project := projectOf(c)
	for _, a := range c.Networks {
		switch {
		case v.role(a) != label.RoleEdge:
		case project != "" && v.network(a).Labels[composeProject] == project:
			own = append(own, a)
		default:
			others = append(others, a)
		}
	}
	return append(own, others...)
}

// choose picks the network: that of the label, else the edge network, else one that the proxy is on, else the only one.
// Of several that are as good the first by name is taken. A backend network is taken only when there is no other.
func (v *view) choose(c *docker.Container, claim *label.Claim, edges []docker.Attachment) (docker.Attachment, *fault) {
	if bad := unreachable(c); bad != nil {
		return docker.Attachment{}, bad
	}
	if claim.Network != "" {
		return named(c, claim)
	}
	if len(edges) > 0 {
		return edges[0], nil
	}
	open := slices.DeleteFunc(slices.Clone(c.Networks), func(a docker.Attachment) bool { return v.role(a) == label.RoleBackend })
	if len(open) == 0 {
		open = c.Networks
	}
	for _, a := range open {
		if v.proxyOn[a.Network] {
			return a, nil
		}
	}
	if len(open) == 1 {
		return open[0], nil
	}
	return docker.Attachment{}, &fault{
		fmt.Sprintf("it is on the networks %s, and nothing says which one the proxy should use", names(open)),
		fmt.Sprintf("write %s=%s with the one to use, or give that network the label %s=%s", spell(claim, label.Network), open[0].Network, label.Role, label.RoleEdge),
	}
}

// unreachable is the fault of a container without a network of its own.
func unreachable(c *docker.Container) *fault {
	if len(c.Networks) == 0 {
		return &fault{
			"it is on no network of its own",
			"put it on a network; where it shares the network of another container (network_mode: service:…), label that one instead",
		}
	}
	for _, a := range c.Networks {
		switch a.Network {
		case "host":
			return &fault{
				"it uses the host's network, where the proxy cannot reach it",
				"remove network_mode: host (or --network host) and put it on a bridge network",
			}
		case "none":
			return &fault{
				"it has no network (network mode none)",
				"remove network_mode: none (or --network none) and put it on a bridge network",
			}
		}
	}
	return nil
}

// named finds the network of a label by its name on the engine, else by its name in the compose file.
func named(c *docker.Container, claim *label.Claim) (docker.Attachment, *fault) {
	for _, name := range []string{claim.Network, projectOf(c) + "_" + claim.Network} {
		for _, a := range c.Networks {
			if a.Network == name {
				return a, nil
			}
		}
	}
	return docker.Attachment{}, &fault{
		fmt.Sprintf("%s is %s, and it is not on that network but on %s",
			spell(claim, label.Network), claim.Network, names(c.Networks)),
		fmt.Sprintf("write %s=%s, or put it on %s", spell(claim, label.Network), c.Networks[0].Network, claim.Network),
	}
}

// portOf is the port of the label, else the one exposed port, else 80.
func portOf(c *docker.Container, claim *label.Claim) (uint16, *fault) {
	switch {
	case claim.Port != 0:
		return claim.Port, nil
	case len(c.Ports) == 1:
		return c.Ports[0], nil
	case len(c.Ports) == 0 || slices.Contains(c.Ports, 80):
		return 80, nil
	}
	texts := make([]string, len(c.Ports))
	for i, p := range c.Ports {
		texts[i] = strconv.Itoa(int(p))
	}
	return 0, &fault{
		fmt.Sprintf("it exposes the ports %s, and nothing says which one the app listens on", strings.Join(texts, ", ")),
		fmt.Sprintf("write %s=%s with the app's port", spell(claim, label.Port), texts[0]),
	}
}

// spell is the full name of a label of the claim's route.
func spell(claim *label.Claim, name string) string {
	if claim.Name == "" {
		return name
	}
	_, short, _ := strings.Cut(name, ".")
	return label.Routes + claim.Name + "." + short
}

func names(list []docker.Attachment) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.Network
	}
	return strings.Join(texts, ", ")
}
