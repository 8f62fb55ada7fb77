package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"gateway/cmd/cli"
	"gateway/proxy/docker"
	"gateway/proxy/stack"
)

// checkPort returns an error when something else holds the port to publish. It can tell only with an engine on this
// machine; another engine fails when the proxy starts.
func checkPort(ctx context.Context, client *docker.Client, running stack.Running, s stack.Settings) error {
	now := running.Settings()
	if running.Proxy != nil && running.Proxy.State == "running" && now.HTTP == s.HTTP && now.Bind == s.Bind {
		return nil
	}
	if !cli.Local(client.Host()) {
		return nil
	}
	host := ""
	if s.Bind.IsValid() {
		host = s.Bind.String()
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(s.HTTP))))
	if err == nil {
		return l.Close()
	}
	if running.Proxy != nil && now.HTTP == s.HTTP {
		return nil // Our own proxy holds it on another address; replacing it frees it.
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return portTaken(ctx, client, s, err)
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return fmt.Errorf("--bind %s: this machine does not have that address; leave the flag out to publish on all", s.Bind)
	}
	return nil
}

// portTaken names the holder of the port, as far as it can be found, and the flag that avoids it.
func portTaken(ctx context.Context, client *docker.Client, s stack.Settings, cause error) error {
	holder := "another program"
	if found := containerOn(ctx, client, s.HTTP, s.Bind); found != "" {
		holder = found
	} else if found := processOn(s.HTTP); found != "" {
		holder = found
	}
	free := 8080
	if s.HTTP == 8080 {
		free = 8081
	}
	return fmt.Errorf("port %d is held by %s; stop that, or choose another port: gateway up --http %d: %w", s.HTTP, holder, free, cause)
}

// containerOn names the container that publishes the port, or returns "".
func containerOn(ctx context.Context, client *docker.Client, port uint16, bind netip.Addr) string {
	containers, err := client.Containers(ctx)
	if err != nil {
		return ""
	}
	for _, c := range containers {
		for _, p := range c.Published {
			if p.HostPort == port && !p.UDP && (!bind.IsValid() || !p.IP.IsValid() || p.IP.IsUnspecified() || p.IP == bind) {
				return fmt.Sprintf("container %s (image %s)", c.Name, c.Image)
			}
		}
	}
	return ""
}
