package project

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"gateway/cmd/cli"
	"gateway/proxy/docker"
	"gateway/proxy/stack"
)

// engineResolver is the engine's own name server in containers.
var engineResolver = netip.MustParseAddr("127.0.0.11")

// listening are the addresses that the processes of a running container listen on.
func listening(ctx context.Context, s *cli.Session, container string) ([]netip.AddrPort, error) {
	c, err := s.Engine.Container(ctx, container)
	if err != nil {
		return nil, err
	}
	var all []netip.AddrPort
	process, err := s.Engine.ProcessDir(c)
	if err == nil {
		all, err = cli.Listeners(process)
	}
	if err != nil {
		all, err = askListeners(ctx, s, c)
	}
	return slices.DeleteFunc(all, func(a netip.AddrPort) bool { return a.Addr() == engineResolver }), err
}

// askListeners looks from a container of our own beside it.
func askListeners(ctx context.Context, s *cli.Session, c docker.Container) ([]netip.AddrPort, error) {
	out, err := s.Engine.RunOnce(ctx, docker.Spec{
		Name: "gateway-listening-" + c.ID[:min(12, len(c.ID))], Image: stack.Latest, Command: []string{"listening"},
		User: "65532:65532", Network: "container:" + c.ID, MemoryBytes: 64 << 20, Pids: 32,
	})
	if err != nil {
		return nil, err
	}
	var all []netip.AddrPort
	for line := range strings.Lines(out) {
		if a, err := netip.ParseAddrPort(strings.TrimSpace(line)); err == nil {
			all = append(all, a)
		}
	}
	return all, nil
}
