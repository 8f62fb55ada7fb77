package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"gateway/cmd/cli"
	"gateway/proxy/docker"
	"gateway/proxy/stack"
)

// published is a port that the proxy publishes, and the flag that says which.
type published struct {
	port uint16
	flag string
	// free is another port, for those who cannot have this one.
	free uint16
}

// publishedBy are the ports for some settings.
func publishedBy(s stack.Settings) []published {
	ports := []published{{s.HTTP, "--http", 8080}}
	if s.HTTPS != 0 {
		ports = append(ports, published{s.HTTPS, "--https", 8443})
	}
	for i := range ports {
		if ports[i].port == ports[i].free {
			ports[i].free++
		}
	}
	return ports
}

// checkPorts returns an error when something else holds a port to publish. It can tell only with an engine on this
// machine; another engine fails when the proxy starts.
func checkPorts(ctx context.Context, client *docker.Client, running stack.Running, s stack.Settings) error {
	now := running.Settings()
	if !cli.Local(client.Host()) {
		return nil
	}
	for _, p := range publishedBy(s) {
		// Our own proxy may hold it, on another address even: replacing that frees it.
		ours := running.Proxy != nil && slices.Contains(now.Ports(), p.port)
		if ours && running.Proxy.State == "running" && now.Bind == s.Bind {
			continue
		}
		err := checkPort(ctx, p.port, s.Bind)
		switch {
		case ours:
		case errors.Is(err, syscall.EADDRINUSE):
			return portTaken(ctx, client, s, p, err)
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			return fmt.Errorf("--bind %s: this machine does not have that address; leave the flag out to publish on all", s.Bind)
		}
	}
	return nil
}

// checkPort listens on a port for a moment.
func checkPort(ctx context.Context, port uint16, bind netip.Addr) error {
	host := ""
	if bind.IsValid() {
		host = bind.String()
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	return l.Close()
}

// anyTaken names the port that the engine could not publish.
func anyTaken(ctx context.Context, client *docker.Client, s stack.Settings, cause error) error {
	ports := publishedBy(s)
	for _, p := range ports {
		if holderOf(ctx, client, p.port, s.Bind) != "" {
			return portTaken(ctx, client, s, p, cause)
		}
	}
	if len(ports) > 1 {
		return fmt.Errorf("port %d or %d is held by another program; stop that, or choose others with --http and --https: %w", s.HTTP, s.HTTPS, cause)
	}
	return portTaken(ctx, client, s, ports[0], cause)
}

// portTaken names the holder of a port, as far as it can be found, and the flag that avoids it.
func portTaken(ctx context.Context, client *docker.Client, s stack.Settings, p published, cause error) error {
	holder := cmp.Or(holderOf(ctx, client, p.port, s.Bind), "another program")
	return fmt.Errorf("port %d is held by %s; stop that, or choose another port: gateway up %s %d: %w", p.port, holder, p.flag, p.free, cause)
}

// holderOf names what holds a port, or returns "". The gateway's own proxy does not count.
func holderOf(ctx context.Context, client *docker.Client, port uint16, bind netip.Addr) string {
	switch c, found := containerOn(ctx, client, port, bind); {
	case found && c.Name == stack.Proxy:
		return ""
	case found:
		return fmt.Sprintf("container %s (image %s)", c.Name, c.Image)
	}
	return processOn(port)
}

// containerOn finds the container that publishes a port.
func containerOn(ctx context.Context, client *docker.Client, port uint16, bind netip.Addr) (docker.Container, bool) {
	containers, err := client.Containers(ctx)
	if err != nil {
		return docker.Container{}, false
	}
	for _, c := range containers {
		for _, p := range c.Published {
			if p.HostPort == port && !p.UDP && (!bind.IsValid() || !p.IP.IsValid() || p.IP.IsUnspecified() || p.IP == bind) {
				return c, true
			}
		}
	}
	return docker.Container{}, false
}
