//go:build !linux || portable

package socket

import (
	"context"
	"net"
)

// Listen listens on a TCP address.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}
