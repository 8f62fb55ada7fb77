package socket

import (
	"net"
	"time"
)

// Reject closes a new connection after it has sent what respond returns, which it waits for up to a millisecond. It reads
// nothing.
func Reject(conn net.Conn, respond func(received []byte) []byte) {
	defer conn.Close()
	if response := respond(nil); len(response) > 0 && conn.SetDeadline(time.Now().Add(time.Millisecond)) == nil {
		_, _ = conn.Write(response)
	}
}
