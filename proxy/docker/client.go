package docker

import (
	"context"
	"errors"
	"fmt"
)

// Client talks to one Docker engine. It is safe for concurrent use. Its errors wrap ErrUnreachable when the engine
// cannot be talked to; the call after such an error negotiates the API version again.
type Client struct {
	link *link
}

// New prepares a client for the engine at host, as ResolveHost returns it: unix://PATH, npipe://PATH, tcp://HOST:PORT,
// or ssh://[USER@]HOST[:PORT]. The certificates for TLS over tcp are named by the query: tcp://HOST:PORT?certs=FOLDER
// (with ca.pem, cert.pem and key.pem), and &verify=no accepts any server. New does not connect.
func New(host string) (*Client, error) {
	e, err := parseHost(host)
	if err != nil {
		return nil, fmt.Errorf("engine address %q: %w", host, err)
	}
	return &Client{link: newLink(e)}, nil
}

// Host returns the engine's address without the certificates' folder, as DOCKER_HOST takes it.
func (c *Client) Host() string { return c.link.host }

// Close closes idle connections. Calls under way go on, and so may new ones.
func (c *Client) Close() error {
	c.link.reset()
	return nil
}

// Engine asks the engine what it is, and negotiates the API version again.
func (c *Client) Engine(ctx context.Context) (Engine, error) {
	const what = "asking the engine for its version"
	if _, _, err := c.link.negotiate(ctx); err != nil {
		return Engine{}, c.link.fail(what, err)
	}
	var e Engine
	err := c.link.do(ctx, what, func(s *session) error {
		var v struct{ Version, Os, Arch string }
		if err := c.link.get(ctx, s, "/version", &v); err != nil {
			return err
		}
		e = Engine{Version: v.Version, APIVersion: s.api, OS: v.Os, Arch: v.Arch}
		var info struct{ Name string }
		err := c.link.get(ctx, s, "/info", &info)
		e.Name = info.Name
		if errors.As(err, new(*refusal)) {
			return nil // a filter before the socket hides it; nothing depends on the name
		}
		return err
	})
	return e, err
}
