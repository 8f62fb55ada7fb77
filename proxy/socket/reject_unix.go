//go:build unix

package socket

import (
	"net"
	"syscall"
)

// Reject closes a new connection without waiting. It reads what the peer has sent so far, up to 4 KiB, because closing a
// connection with unread bytes makes the peer lose what was sent to it. It then sends what respond returns for these bytes,
// as far as the send buffer takes it.
func Reject(conn net.Conn, respond func(received []byte) []byte) {
	defer conn.Close()
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	// An error means that the connection has ended already.
	_ = raw.Control(func(fd uintptr) {
		var room [4 << 10]byte
		n, _ := syscall.Read(int(fd), room[:])
		if response := respond(room[:max(n, 0)]); len(response) > 0 {
			_, _ = syscall.Write(int(fd), response)
		}
	})
}
