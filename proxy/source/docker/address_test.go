package docker

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

var noAddress netip.Addr

// world is a listing with some networks: edge and p_edge are edge networks, p_db a backend.
func world(containers ...docker.Container) *snapshot {
	l := &snapshot{engine: docker.Engine{APIVersion: "1.41"}, containers: containers}
	for i, name := range []string{"bridge", "edge", "p_web", "p_db", "p_default", "x", "y", "0-a", "p_edge", HomeNetwork} {
		n := docker.Network{ID: "id-" + name, Name: name, Created: born.Add(time.Duration(i) * time.Hour)}
		switch name {
		case "edge", "p_edge":
			n.Labels = map[string]string{label.Role: label.RoleEdge}
		case "p_db":
			n.Labels = map[string]string{label.Role: label.RoleBackend}
		}
		l.networks = append(l.networks, n)
	}
	return l
}

// box is a running container with an address on each network: the last byte is the place in the list.
func box(labels map[string]string, networks ...string) docker.Container {
	c := docker.Container{ID: "id-app", Name: "app", State: "running", Labels: map[string]string{label.Path: "/app"}, Created: born}
	maps.Copy(c.Labels, labels)
	for i, n := range networks {
		c.Networks = append(c.Networks, docker.Attachment{
			Network: n, NetworkID: "id-" + n, Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}),
		})
	}
	return c
}

func proxyBox(networks ...string) docker.Container {
	c := box(map[string]string{label.Role: label.RoleProxy}, networks...)
	c.ID, c.Name = "id-proxy", ProxyName
	return c
}

func TestObservation_ChoosesTheNetworkByRule(t *testing.T) {
	project := func(more ...string) map[string]string {
		m := map[string]string{composeProject: "p"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	tests := []struct {
		name     string
		labels   map[string]string
		networks []string
		proxy    []string
		want     string
	}{
		{"the only one", nil, []string{"x"}, nil, "x"},
		{"the label", map[string]string{label.Network: "y"}, []string{"edge", "x", "y"}, []string{"x"}, "y"},
		{"the label as in the compose file", project(label.Network, "default"), []string{"p_default", "p_web"}, nil, "p_default"},
		{"the network that is labelled edge", nil, []string{"bridge", "edge", "x"}, []string{"x"}, "edge"},
		{"the project's own edge network", project(), []string{"edge", "p_db", "p_edge"}, []string{"p_db"}, "p_edge"},
		{"the edge network beside one that is named web", project(), []string{"p_db", "p_edge", "p_web"}, []string{"p_web"}, "p_edge"},
		{"another edge network beside one that is named web", project(), []string{"edge", "p_web"}, []string{"p_web"}, "edge"},
		{"named web and the proxy is on another", project(), []string{"p_web", "x"}, []string{"x"}, "x"},
		{"one the proxy is on", nil, []string{"bridge", "x", "y"}, []string{"y"}, "y"},
		{"the first by name the proxy is on", nil, []string{"bridge", "x", "y"}, []string{"y", "x"}, "x"},
		{"none of the backend", nil, []string{"p_db", "x"}, []string{"p_db"}, "x"},
		{"the backend when there is no other", nil, []string{"p_db"}, nil, "p_db"},
		{"web of another project", map[string]string{composeProject: "q"}, []string{"p_web"}, nil, "p_web"},
		{"a network the engine did not list", nil, []string{"new"}, nil, "new"},
	}
	for _, tt := range tests {
		l := world(box(tt.labels, tt.networks...), proxyBox(tt.proxy...))
		own(l, "p", "p_edge")
		o := newObservation(l, true)
		if len(o.found) != 1 || o.found[0].link != tt.want || len(o.problems) != 0 {
			t.Errorf("%s: got %+v, %+v", tt.name, o.found, o.problems)
		}
	}
}

func TestObservation_SaysWhyAContainerIsOutOfReach(t *testing.T) {
	tests := []struct {
		name         string
		labels       map[string]string
		networks     []string
		ports        []uint16
		message, fix string
	}{
		{"several networks", nil, []string{"x", "y"}, nil, "on the networks x, y", "write gateway.network=x"},
		{"host network", nil, []string{"host"}, nil, "the host's network", "network_mode: host"},
		{"no network", nil, []string{"none"}, nil, "no network", "network_mode: none"},
		{"another's network", nil, nil, nil, "no network of its own", "label that one instead"},
		{"a network it is not on", map[string]string{label.Network: "z"}, []string{"x", "y"}, nil, "gateway.network is z", "gateway.network=x"},
		{"several ports", nil, []string{"x"}, []uint16{3000, 8080}, "3000, 8080", "gateway.port=3000"},
	}
	for _, tt := range tests {
		c := box(tt.labels, tt.networks...)
		c.Ports = tt.ports
		c.Labels[composeProject] = "p"
		o := newObservation(world(c), false)
		if len(o.found) != 0 || len(o.problems) != 1 {
			t.Errorf("%s: got %+v, %+v", tt.name, o.found, o.problems)
			continue
		}
		p := o.problems[0]
		if p.Subject != "app" || p.Project != "p" || p.Route != "/app" ||
			!strings.Contains(p.Message, tt.message) || !strings.Contains(p.Fix, tt.fix) {
			t.Errorf("%s: got %+v", tt.name, p)
		}
	}
}

func TestObservation_SpellsTheLabelOfAFurtherRoute(t *testing.T) {
	c := box(map[string]string{"gateway.routes.api.path": "/api", label.Port: "80"}, "x")
	c.Ports = []uint16{1, 2}
	o := newObservation(world(c), false)
	if len(o.found) != 1 || len(o.problems) != 1 || !strings.Contains(o.problems[0].Fix, "gateway.routes.api.port=1") {
		t.Errorf("got %+v, %+v", o.found, o.problems)
	}
}

func TestObservation_ChoosesThePortByRule(t *testing.T) {
	tests := []struct {
		label string
		ports []uint16
		want  string
	}{
		{"", nil, "10.0.0.0:80"},
		{"", []uint16{3000}, "10.0.0.0:3000"},
		{"", []uint16{80, 443}, "10.0.0.0:80"},
		{"8080", []uint16{80, 443}, "10.0.0.0:8080"},
	}
	for _, tt := range tests {
		c := box(nil, "x")
		c.Ports = tt.ports
		if tt.label != "" {
			c.Labels[label.Port] = tt.label
		}
		o := newObservation(world(c), false)
		if len(o.found) != 1 || o.found[0].route.Targets[0].Address != tt.want {
			t.Errorf("%+v: got %+v", tt, o.found)
		}
	}
}

func TestObservation_WritesIPv6InBrackets(t *testing.T) {
	c := box(nil, "x")
	c.Networks[0].Address = netip.MustParseAddr("fd00::2")
	if o := newObservation(world(c), false); o.found[0].route.Targets[0].Address != "[fd00::2]:80" {
		t.Errorf("got %+v", o.found)
	}
}

func TestObservation_ClaimsSinceTheOldestNetworkOfTheProject(t *testing.T) {
	redeployed := born.Add(100 * time.Hour)
	tests := []struct {
		name, project string
		networks      []string
		// owned are the networks that belong to project p.
		owned []string
		want  time.Time
	}{
		{"its edge network", "p", []string{"p_web"}, []string{"p_web"}, born.Add(2 * time.Hour)},
		{"the oldest of several", "p", []string{"p_default"}, []string{"p_default", "p_web"}, born.Add(2 * time.Hour)},
		{"without a network web", "p", []string{"p_default"}, []string{"p_default"}, born.Add(4 * time.Hour)},
		{"one that it is not on", "p", []string{"x"}, []string{"p_db"}, born.Add(3 * time.Hour)},
		{"a shared network", "p", []string{"edge"}, nil, redeployed},
		{"a shared network beside its own", "p", []string{"edge", "p_default"}, []string{"p_default"}, born.Add(4 * time.Hour)},
		{"a network of another project", "q", []string{"p_web"}, []string{"p_web"}, redeployed},
		{"no project", "", []string{"edge"}, []string{"p_web"}, redeployed},
		{"a network that was not listed", "new", []string{"new_web"}, nil, redeployed},
	}
	for _, tt := range tests {
		c := box(map[string]string{composeProject: tt.project}, tt.networks...)
		c.Created = redeployed
		l := world(c)
		own(l, "p", tt.owned...)
		o := newObservation(l, false)
		if len(o.found) != 1 || !o.found[0].route.Claimed.Equal(tt.want) {
			t.Errorf("%s: got %+v, %+v", tt.name, o.found, o.problems)
		}
	}
}

// own labels networks of the world as those of a compose project.
func own(l *snapshot, project string, names ...string) {
	for i := range l.networks {
		n := &l.networks[i]
		if slices.Contains(names, n.Name) {
			n.Labels = maps.Clone(n.Labels)
			if n.Labels == nil {
				n.Labels = map[string]string{}
			}
			n.Labels[composeProject] = project
		}
	}
}
