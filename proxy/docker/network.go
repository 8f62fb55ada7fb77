package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Networks lists all networks.
func (c *Client) Networks(ctx context.Context) ([]Network, error) {
	var found []Network
	err := c.link.do(ctx, "listing networks", func(s *session) error {
		var list []networkSummary
		if err := c.link.get(ctx, s, "/networks", &list); err != nil {
			return err
		}
		found = make([]Network, len(list))
		for i := range list {
			found[i] = list[i].network()
		}
		return nil
	})
	return found, err
}

// networkSummary is what we read of an element of a listing of networks.
type networkSummary struct {
	ID           string `json:"Id"`
	Name, Driver string
	Internal     bool
	Labels       map[string]string
	Created      time.Time
	IPAM         struct{ Config []struct{ Subnet string } }
}

func (s *networkSummary) network() Network {
	n := Network{ID: s.ID, Name: s.Name, Driver: s.Driver, Internal: s.Internal, Labels: s.Labels, Created: s.Created}
	for _, config := range s.IPAM.Config {
		if subnet, err := netip.ParsePrefix(config.Subnet); err == nil {
			n.Subnets = append(n.Subnets, subnet.Masked())
		}
	}
	return n
}

// CreateNetwork creates a bridge network and returns its id. The error wraps ErrNameTaken when another has the name, and
// ErrOverlap when another has some of the subnet.
func (c *Client) CreateNetwork(ctx context.Context, spec NetworkSpec) (string, error) {
	// Written out rather than called through the SDK, which no longer knows CheckDuplicate: engines before API 1.44
	// create a second network of the same name without it.
	request := struct {
		Name, Driver   string
		Internal       bool
		Labels         map[string]string
		IPAM           *ipam `json:",omitempty"`
		CheckDuplicate bool
	}{Name: spec.Name, Driver: "bridge", Internal: spec.Internal, Labels: spec.Labels, CheckDuplicate: true}
	if spec.Subnet.IsValid() {
		request.IPAM = &ipam{Driver: "default", Config: []ipamConfig{{Subnet: spec.Subnet.Masked().String()}}}
	}
	var created struct {
		ID string `json:"Id"`
	}
	err := c.link.do(ctx, "creating network "+spec.Name, func(s *session) error {
		return c.link.post(ctx, s, "/networks/create", request, &created)
	})
	return created.ID, err
}

type ipam struct {
	Driver string
	Config []ipamConfig
}

type ipamConfig struct{ Subnet string }

// RemoveNetwork removes a network; that it is not there is no error. The error wraps ErrInUse when a container is on it.
func (c *Client) RemoveNetwork(ctx context.Context, nameOrID string) error {
	if given("network", nameOrID) != nil {
		return nil
	}
	return absent(c.link.do(ctx, "removing network "+nameOrID, func(s *session) error {
		_, err := s.sdk.NetworkRemove(ctx, nameOrID, client.NetworkRemoveOptions{})
		return err
	}))
}

// absent makes it no error that something to be removed is not there.
func absent(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Connect puts a container on a network, where it answers to the aliases too; that it is there already is no error,
// and then the aliases stay what they were. The error wraps ErrNotFound when either is not there.
func (c *Client) Connect(ctx context.Context, networkName, container string, aliases []string) error {
	what := fmt.Sprintf("connecting %s to network %s", container, networkName)
	if err := errors.Join(given("network", networkName), given("container", container)); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return c.link.do(ctx, what, func(s *session) error {
		// Old engines put a stopped container on a network that does not exist, and then cannot start it.
		if err := c.link.get(ctx, s, "/networks/"+networkName, new(networkSummary)); err != nil {
			return err
		}
		_, err := s.sdk.NetworkConnect(ctx, networkName, client.NetworkConnectOptions{
			Container: container, EndpointConfig: &network.EndpointSettings{Aliases: aliases},
		})
		if err == nil || !saysConnected(err.Error()) {
			return err
		}
		// The engine says the same of an endpoint that a crash left behind, so look.
		if on, look := c.link.connected(ctx, s, networkName, container); look != nil || !on {
			return errors.Join(err, look)
		}
		return nil
	})
}

// saysConnected reports whether the engine refused because the container is on the network.
func saysConnected(text string) bool {
	return containsAll(text, []string{"endpoint with name", "already exists in network"}) ||
		strings.Contains(text, "is already attached to network") || strings.Contains(text, "is already connected to")
}

// connected reports whether a container is on a network, named or by id.
func (l *link) connected(ctx context.Context, s *session, networkName, container string) (bool, error) {
	i, err := l.inspect(ctx, s, container)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(attachments(i.NetworkSettings.Networks), func(a Attachment) bool {
		return a.Network == networkName || a.NetworkID != "" && strings.HasPrefix(a.NetworkID, networkName)
	}), nil
}

// Disconnect takes a container off a network; that it is not on it, or that either is not there, is no error.
func (c *Client) Disconnect(ctx context.Context, networkName, container string) error {
	if errors.Join(given("network", networkName), given("container", container)) != nil {
		return nil
	}
	what := fmt.Sprintf("disconnecting %s from network %s", container, networkName)
	return absent(c.link.do(ctx, what, func(s *session) error {
		_, err := s.sdk.NetworkDisconnect(ctx, networkName, client.NetworkDisconnectOptions{Container: container})
		if err != nil && strings.Contains(err.Error(), "is not connected to") {
			return nil
		}
		return err
	}))
}
