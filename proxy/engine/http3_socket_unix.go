//go:build unix

package engine

import (
	"net"
	"syscall"
)

// bufferOf is the size of the buffer of a socket for what arrives, 0 if it cannot be read.
func bufferOf(udp *net.UDPConn) (size int) {
	raw, err := udp.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		size, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	})
	return size
}
