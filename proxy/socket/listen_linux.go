//go:build linux && !portable

package socket

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// Keep-alive probes detect peers of silent connections, mostly upgraded ones, that disappeared: after keepIdle seconds of
// silence come keepCount probes, one every keepEvery seconds. If the peer has ended its side, they begin after keepIdleEnded
// seconds: most of these peers have disconnected.
const (
	keepIdle      = 60
	keepIdleEnded = 2
	keepEvery     = 15
	keepCount     = 4
)

// Listen listens on a TCP address. Connections inherit the socket options of the listener, which saves a system call for
// each.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1, Control: prepare}
	return config.Listen(ctx, "tcp", address)
}

func prepare(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) { failed = keepAlive(fd, keepIdle) })
	return errors.Join(err, failed)
}

// keepAlive sets the probes of a connection, or of those that a listener accepts.
func keepAlive(fd uintptr, idle int) (err error) {
	for _, o := range [...]struct{ level, name, value int }{
		{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, idle},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, keepEvery},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, keepCount},
	} {
		err = errors.Join(err, syscall.SetsockoptInt(int(fd), o.level, o.name, o.value))
	}
	return err
}
