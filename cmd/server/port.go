package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
	// udp is for the port of HTTP/3, which has the number of that of HTTPS.
	udp bool
}

// String names the port in errors.
func (p published) String() string {
	if p.udp {
		return fmt.Sprintf("UDP port %d", p.port)
	}
	return fmt.Sprintf("port %d", p.port)
}

// publishedBy are the ports for some settings.
func publishedBy(s stack.Settings) []published {
	ports := []published{{port: s.HTTP, flag: "--http", free: 8080}}
	if s.HTTPS != 0 {
		ports = append(ports, published{port: s.HTTPS, flag: "--https", free: 8443})
	}
	if s.HTTPS != 0 && s.HTTP3 {
		ports = append(ports, published{port: s.HTTPS, flag: "--https", free: 8443, udp: true})
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
		ours := running.Proxy != nil && slices.Contains(now.Ports(), p.port) && (!p.udp || now.HTTP3)
		if ours && running.Proxy.State == "running" && now.Bind == s.Bind {
			continue
		}
		err := checkPort(ctx, p, s.Bind)
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
func checkPort(ctx context.Context, p published, bind netip.Addr) error {
	host := ""
	if bind.IsValid() {
		host = bind.String()
	}
	var config net.ListenConfig
	var l io.Closer
	var err error
	if at := net.JoinHostPort(host, strconv.Itoa(int(p.port))); p.udp {
		l, err = config.ListenPacket(ctx, "udp", at)
	} else {
		l, err = config.Listen(ctx, "tcp", at)
	}
	if err != nil {
		return err
	}
	return l.Close()
}

// anyTaken names the port that the engine could not publish.
func anyTaken(ctx context.Context, client *docker.Client, s stack.Settings, cause error) error {
	ports := publishedBy(s)
	for _, p := range ports {
		if holderOf(ctx, client, p, s.Bind) != "" {
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
	holder := cmp.Or(holderOf(ctx, client, p, s.Bind), "another program")
	return fmt.Errorf("%s is held by %s; stop that, or choose another port: gateway up %s %d: %w", p, holder, p.flag, p.free, cause)
}

// holderOf names what holds a port, or returns "". The gateway's own proxy does not count.
func holderOf(ctx context.Context, client *docker.Client, p published, bind netip.Addr) string {
	switch c, found := containerOn(ctx, client, p, bind); {
	case found && c.Name == stack.Proxy:
		return ""
	case found:
		return fmt.Sprintf("container %s (image %s)", c.Name, c.Image)
	}
	return processOn(p)
}

// containerOn finds the container that publishes a port.
func containerOn(ctx context.Context, client *docker.Client, on published, bind netip.Addr) (docker.Container, bool) {
	containers, err := client.Containers(ctx)
	if err != nil {
		return docker.Container{}, false
	}
	for _, c := range containers {
		for _, p := range c.Published {
			if p.HostPort == on.port && p.UDP == on.udp && (!bind.IsValid() || !p.IP.IsValid() || p.IP.IsUnspecified() || p.IP == bind) {
				return c, true
			}
		}
	}
	return docker.Container{}, false
}
