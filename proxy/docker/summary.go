package docker

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// summary is what we read of an element of a listing of containers. Addresses are text: an odd one is one address less,
// not a listing less.
type summary struct {
	ID              string `json:"Id"`
	Names           []string
	Image, ImageID  string
	Created         int64
	Labels          map[string]string
	State, Status   string
	Health          *struct{ Status string }
	Ports           []portSummary
	NetworkSettings struct{ Networks map[string]*endpointSummary }
}

// portSummary is a port of a running container: exposed, and published when PublicPort is not 0.
type portSummary struct {
	IP                      string
	PrivatePort, PublicPort uint16
	Type                    string
}

// endpointSummary is a container's place on a network.
type endpointSummary struct {
	NetworkID, IPAddress, GlobalIPv6Address string
}

func (s *summary) container() Container {
	c := Container{
		ID: s.ID, Name: ownName(s.Names), Image: s.Image, ImageID: s.ImageID, Labels: s.Labels,
		State: s.State, Status: s.Status, Created: time.Unix(s.Created, 0), Networks: attachments(s.NetworkSettings.Networks),
	}
	switch {
	case s.State != "running": // the engine may tell what was last, or unhealthy
	case s.Health != nil:
		c.Health = knownHealth(s.Health.Status)
	default:
		c.Health = healthIn(s.Status)
	}
	for _, p := range s.Ports {
		udp := p.Type == "udp"
		if p.Type != "tcp" && !udp || p.PrivatePort == 0 {
			continue
		}
		if !udp {
			c.Ports = append(c.Ports, p.PrivatePort)
		}
		if p.PublicPort != 0 {
			c.Published = append(c.Published, Publish{IP: hostAddress(p.IP), HostPort: p.PublicPort, ContainerPort: p.PrivatePort, UDP: udp})
		}
	}
	c.Ports, c.Published = sortPorts(c.Ports), sortPublished(c.Published)
	return c
}

// ownName is the container's name among those that links of other containers give it, which have two slashes.
func ownName(names []string) string {
	for _, name := range names {
		if bare := strings.TrimPrefix(name, "/"); !strings.Contains(bare, "/") {
			return bare
		}
	}
	return ""
}

// healthIn reads the health that older engines tell only at the end of the status: "Up 3 hours (healthy)".
func healthIn(status string) string {
	open := strings.LastIndexByte(status, '(')
	if open < 0 || !strings.HasPrefix(status, "Up ") || !strings.HasSuffix(status, ")") {
		return ""
	}
	word := status[open+1 : len(status)-1]
	return knownHealth(strings.TrimPrefix(word, "health: "))
}

// knownHealth is "" for the engine's "none" and for what is no health at all, such as "Paused".
func knownHealth(word string) string {
	switch word {
	case "starting", "healthy", "unhealthy":
		return word
	}
	return ""
}

func attachments(networks map[string]*endpointSummary) []Attachment {
	if len(networks) == 0 {
		return nil
	}
	list := make([]Attachment, 0, len(networks))
	for name, e := range networks {
		a := Attachment{Network: name}
		if e != nil {
			a.NetworkID, a.Address = e.NetworkID, address(e.IPAddress, e.GlobalIPv6Address)
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Attachment) int { return cmp.Compare(a.Network, b.Network) })
	return list
}

// address is the first of the texts that is an address.
func address(texts ...string) netip.Addr {
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil && !a.IsUnspecified() {
			return a.Unmap()
		}
	}
	return netip.Addr{}
}

// hostAddress is the address of a published port, invalid when it is published on all.
func hostAddress(text string) netip.Addr { return address(text) }

func sortPorts(ports []uint16) []uint16 {
	slices.Sort(ports)
	return slices.Compact(ports)
}

// sortPublished also drops doubles: a port published on all addresses is listed for IPv4 and for IPv6.
func sortPublished(list []Publish) []Publish {
	slices.SortFunc(list, func(a, b Publish) int {
		return cmp.Or(cmp.Compare(a.ContainerPort, b.ContainerPort), cmp.Compare(a.HostPort, b.HostPort), cmp.Compare(a.protocol(), b.protocol()), a.IP.Compare(b.IP))
	})
	return slices.Compact(list)
}
