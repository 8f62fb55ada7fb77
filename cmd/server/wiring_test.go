package server

import (
	"testing"

	"gateway/proxy/source/docker"
	"gateway/proxy/stack"
)

// What up makes is what the agent looks for.
func TestWiring_NamesThingsAlike(t *testing.T) {
	for made, sought := range map[string]string{
		stack.Network: docker.HomeNetwork,
		stack.Proxy:   docker.ProxyName,
		stack.Agent:   docker.AgentName,
	} {
		if made != sought {
			t.Errorf("up makes %q and the agent looks for %q", made, sought)
		}
	}
}
