package stack

import (
	"context"
	"fmt"
	"net"
	"path/filepath"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// NotRunningError says that no proxy runs in a container.
type NotRunningError struct {
	// State is that of the proxy's container, empty when there is none.
	State string
}

// Error names the container and its state.
func (e NotRunningError) Error() string {
	if e.State == "" {
		return fmt.Sprintf("there is no container %s", Proxy)
	}
	return fmt.Sprintf("container %s is %s", Proxy, e.State)
}

// Dial connects to the admin API of the proxy in its container: to the socket as the container sees it where this process
// may, and otherwise, such as on another machine, through docker exec, which costs ten times as much. Whoever may use
// Docker may administer. The error is a NotRunningError when no proxy runs.
func Dial(ctx context.Context, engine *docker.Client) (net.Conn, error) {
	found, err := engine.Containers(ctx, label.Role+"="+label.RoleProxy)
	if err != nil {
		// Whether a proxy runs is not known.
		return nil, fmt.Errorf("looking for the gateway: %w", err)
	}
	err = NotRunningError{}
	for _, c := range found {
		// An image may carry any label; a name belongs to one container.
		switch {
		case c.Name != Proxy:
		case c.State != "running":
			err = NotRunningError{c.State}
		default:
			if conn, err := dialProcess(ctx, engine, c.ID); err == nil {
				return conn, nil
			}
			return engine.Exec(ctx, c.ID, []string{Binary, "pipe", "--socket", Socket})
		}
	}
	return nil, err
}

// dialProcess connects to the socket through the file system of the container's process.
func dialProcess(ctx context.Context, engine *docker.Client, id string) (net.Conn, error) {
	c, err := engine.Container(ctx, id)
	if err != nil {
		return nil, err
	}
	process, err := engine.ProcessDir(c)
	if err != nil {
		return nil, err
	}
	return dialSocket(ctx, filepath.Join(process, "root", Socket))
}
