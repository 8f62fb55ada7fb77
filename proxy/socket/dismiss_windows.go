package socket

import (
	"net"
	"time"
)

// Dismiss ends a new connection without waiting for anything but the sending of what answer makes of nothing.
func Dismiss(conn net.Conn, answer func(come []byte) []byte) {
	defer conn.Close()
	if last := answer(nil); len(last) > 0 && conn.SetDeadline(time.Now().Add(time.Millisecond)) == nil {
		_, _ = conn.Write(last)
	}
}
