//go:build unix

package socket

import (
	"net"
	"syscall"
)

// Dismiss ends a new connection without waiting for anything. What its peer has sent so far is read, up to 4 KiB, since a
// connection that is closed with bytes unread takes what it was sent last from its peer; and what answer makes of it is
// sent, as far as that can be done at once.
func Dismiss(conn net.Conn, answer func(come []byte) []byte) {
	defer conn.Close()
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	// What fails has ended the connection already.
	_ = raw.Control(func(fd uintptr) {
		var room [4 << 10]byte
		n, _ := syscall.Read(int(fd), room[:])
		if last := answer(room[:max(n, 0)]); len(last) > 0 {
			_, _ = syscall.Write(int(fd), last)
		}
	})
}
