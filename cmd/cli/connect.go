package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"

	"gateway/projects"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/stack"
)

// DefaultSocket is where root, and the proxy's container, have the admin socket.
const DefaultSocket = stack.Socket

// ErrNoGateway says that there is no running proxy to talk to.
var ErrNoGateway = projects.ErrNoGateway

// ErrForbiddenSocket says that this user may not use the admin socket.
var ErrForbiddenSocket = errors.New("no permission on the admin socket")

// Docker prepares a client for the engine that flags and environment name. It does not connect.
func (e *Env) Docker() (*docker.Client, error) {
	host, err := e.dockerHost()
	if err != nil {
		return nil, err
	}
	return docker.New(host)
}

// OnEngine does something with the engine that flags and environment name.
func (e *Env) OnEngine(do func(*docker.Client) error) error {
	client, err := e.Docker()
	if err != nil {
		return err
	}
	defer client.Close()
	return do(client)
}

// dockerHost is the address of the engine that flags and environment name.
func (e *Env) dockerHost() (string, error) {
	if e.Global.Host != "" {
		return e.Global.Host, nil
	}
	return docker.ResolveHost(e.Getenv, e.Home)
}

// Socket is where a proxy of this user has its admin socket: the flag, the environment, else by user.
func (e *Env) Socket() string {
	if named := e.NamedSocket(); named != "" {
		return named
	}
	if dir := e.Getenv("XDG_RUNTIME_DIR"); dir != "" && !e.Root {
		return filepath.Join(dir, "gateway", "admin.sock")
	}
	if e.Root || e.Home == "" {
		return DefaultSocket
	}
	return filepath.Join(e.StateDir(), "admin.sock")
}

// NamedSocket is the admin socket that the flag or the environment names, or empty.
func (e *Env) NamedSocket() string { return cmp.Or(e.Global.Socket, e.Getenv("GATEWAY_SOCKET")) }

// Gateway connects to the running proxy: to the admin socket where it can be reached, else through docker exec into
// the proxy's container. Every later connection of the client looks again, so that it survives a replaced container.
// The error wraps ErrNoGateway when there is none.
func (e *Env) Gateway(ctx context.Context) (*admin.Client, error) {
	conn, err := e.dialAdmin(ctx)
	if err != nil {
		return nil, err
	}
	first := make(chan net.Conn, 1)
	first <- conn
	return admin.NewClient(func(ctx context.Context) (net.Conn, error) {
		select {
		case conn := <-first:
			return conn, nil
		default:
			return e.dialAdmin(ctx)
		}
	}), nil
}

// OnGateway does something with the running proxy.
func (e *Env) OnGateway(ctx context.Context, do func(*admin.Client) error) error {
	client, err := e.Gateway(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return do(client)
}

func (e *Env) dialAdmin(ctx context.Context) (net.Conn, error) {
	if named := e.NamedSocket(); named != "" {
		conn, err := DialUnix(ctx, named)
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w %s", ErrForbiddenSocket, named)
		}
		if err != nil {
			return nil, fmt.Errorf("%w at %s: %w", ErrNoGateway, named, err)
		}
		return conn, nil
	}
	for _, path := range []string{e.Socket(), DefaultSocket} {
		if conn, err := DialUnix(ctx, path); err == nil {
			return conn, nil
		}
	}
	return e.DialContainer(ctx)
}

// DialUnix connects to a unix socket.
func DialUnix(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}

// DialContainer connects to the proxy in its container. The error wraps ErrNoGateway when none runs.
func (e *Env) DialContainer(ctx context.Context) (net.Conn, error) {
	engine, err := e.Docker()
	if err != nil {
		return nil, err
	}
	conn, err := stack.Dial(ctx, engine)
	switch stopped, is := errors.AsType[stack.NotRunningError](err); {
	case is && stopped.State == "":
		return nil, ErrNoGateway
	case is:
		return nil, fmt.Errorf("%w: %w", ErrNoGateway, err)
	}
	return conn, err
}

// ProjectsRoot is the folder that holds all projects.
func (e *Env) ProjectsRoot() string {
	if named := cmp.Or(e.Global.Projects, e.Getenv("GATEWAY_PROJECTS")); named != "" {
		return named
	}
	if e.Root || e.Home == "" {
		return "/srv/gateway/projects"
	}
	return filepath.Join(cmp.Or(e.Getenv("XDG_DATA_HOME"), filepath.Join(e.Home, ".local", "share")), "gateway", "projects")
}

// StateDir is where a gateway of this user keeps the last good table and the webhook of expiry.
func (e *Env) StateDir() string {
	if named := e.Getenv("GATEWAY_STATE"); named != "" {
		return named
	}
	if e.Root || e.Home == "" {
		return "/var/lib/gateway"
	}
	return filepath.Join(cmp.Or(e.Getenv("XDG_STATE_HOME"), filepath.Join(e.Home, ".local", "state")), "gateway")
}

// Hostname is the name by which a browser here reaches the machine of the gateway: that of a remote engine, else
// "localhost".
func (e *Env) Hostname() string {
	if e.NamedSocket() != "" {
		return "localhost"
	}
	host, err := e.dockerHost()
	if err != nil {
		return "localhost"
	}
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "ssh" && u.Scheme != "tcp" || u.Hostname() == "" {
		return "localhost"
	}
	return u.Hostname()
}

// ExpiryWebhook is where the webhook is kept by which owners are told that a project expires.
func (e *Env) ExpiryWebhook() string { return filepath.Join(e.StateDir(), "expire-webhook") }
