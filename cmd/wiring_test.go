package cmd

import (
	"testing"

	"gateway/proxy/discovery"
	"gateway/proxy/stack"
)

// The agent keeps off the network that the proxy is published on, and knows it by its name alone.
func TestWiring_NamesTheProxysNetworkOnce(t *testing.T) {
	if discovery.HomeNetwork != stack.Network {
		t.Errorf("the agent takes %q for the proxy's own network, and up makes %q", discovery.HomeNetwork, stack.Network)
	}
}
