package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"

	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/stack"
)

// defaultSocket is where root, and the proxy's container, have the admin socket.
const defaultSocket = stack.Socket

// errNoGateway says that there is no running proxy to talk to.
var errNoGateway = errors.New("no gateway is running")

// errForbiddenSocket says that this user may not use the admin socket.
var errForbiddenSocket = errors.New("no permission on the admin socket")

// docker prepares a client for the engine that flags and environment name. It does not connect.
func (e *Env) docker() (*docker.Client, error) {
	host, err := e.dockerHost()
	if err != nil {
		return nil, err
	}
	return docker.New(host)
}

// dockerHost is the address of the engine that flags and environment name.
func (e *Env) dockerHost() (string, error) {
	if e.global.host != "" {
		return e.global.host, nil
	}
	return docker.ResolveHost(e.Getenv, e.Home)
}

// socket is where a proxy of this user has its admin socket: the flag, the environment, else by user.
func (e *Env) socket() string {
	if named := e.namedSocket(); named != "" {
		return named
	}
	if dir := e.Getenv("XDG_RUNTIME_DIR"); dir != "" && !e.Root {
		return filepath.Join(dir, "gateway", "admin.sock")
	}
	if e.Root || e.Home == "" {
		return defaultSocket
	}
	return filepath.Join(e.stateDir(), "admin.sock")
}

func (e *Env) namedSocket() string { return cmp.Or(e.global.socket, e.Getenv("GATEWAY_SOCKET")) }

// gateway connects to the running proxy: to the admin socket where it can be reached, else through docker exec into
// the proxy's container. Every later connection of the client looks anew, so that it survives a replaced container.
// The error wraps errNoGateway when there is none.
func (e *Env) gateway(ctx context.Context) (*admin.Client, error) {
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

func (e *Env) dialAdmin(ctx context.Context) (net.Conn, error) {
	if named := e.namedSocket(); named != "" {
		conn, err := dialUnix(ctx, named)
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w %s", errForbiddenSocket, named)
		}
		if err != nil {
			return nil, fmt.Errorf("%w at %s: %w", errNoGateway, named, err)
		}
		return conn, nil
	}
	for _, path := range []string{e.socket(), defaultSocket} {
		if conn, err := dialUnix(ctx, path); err == nil {
			return conn, nil
		}
	}
	return e.dialContainer(ctx)
}

func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}

// dialContainer reaches the admin socket from inside the proxy's container: whoever may use Docker may administer.
func (e *Env) dialContainer(ctx context.Context) (net.Conn, error) {
	engine, err := e.docker()
	if err != nil {
		return nil, err
	}
	found, err := engine.Containers(ctx, label.Role+"="+label.RoleProxy)
	if err != nil {
		// That there is no gateway is not known.
		return nil, fmt.Errorf("looking for the gateway: %w", err)
	}
	// An image may carry any label; names are one container's alone.
	found = slices.DeleteFunc(found, func(c docker.Container) bool { return c.Name != stack.Proxy })
	for _, c := range found {
		if c.State == "running" {
			return engine.Exec(ctx, c.ID, []string{stack.Binary, "pipe", "--socket", stack.Socket})
		}
	}
	if len(found) > 0 {
		return nil, fmt.Errorf("%w: container %s is %s", errNoGateway, found[0].Name, found[0].State)
	}
	return nil, errNoGateway
}

// projectsRoot is the folder that holds all projects.
func (e *Env) projectsRoot() string {
	if named := cmp.Or(e.global.projects, e.Getenv("GATEWAY_PROJECTS")); named != "" {
		return named
	}
	if e.Root || e.Home == "" {
		return "/srv/gateway/projects"
	}
	return filepath.Join(cmp.Or(e.Getenv("XDG_DATA_HOME"), filepath.Join(e.Home, ".local", "share")), "gateway", "projects")
}

// stateDir is where a proxy of this user keeps the last good table.
func (e *Env) stateDir() string {
	if e.Root || e.Home == "" {
		return "/var/lib/gateway"
	}
	return filepath.Join(cmp.Or(e.Getenv("XDG_STATE_HOME"), filepath.Join(e.Home, ".local", "state")), "gateway")
}
