//go:build linux && !portable

package socket

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// Keep-alive probes find the peers of silent connections that vanished, upgraded ones above all: after keepIdle seconds of
// silence, keepCount probes every keepEvery seconds.
const (
	keepIdle  = 60
	keepEvery = 15
	keepCount = 4
)

// Listen listens on a TCP address. The options of connections are set on the listener, from which they have them: that
// saves a system call for each.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1, Control: prepare}
	return config.Listen(ctx, "tcp", address)
}

func prepare(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		for _, o := range [...]struct{ level, name, value int }{
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, keepIdle},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, keepEvery},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, keepCount},
		} {
			failed = errors.Join(failed, syscall.SetsockoptInt(int(fd), o.level, o.name, o.value))
		}
	})
	return errors.Join(err, failed)
}
