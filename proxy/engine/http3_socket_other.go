//go:build !unix

package engine

import "net"

// bufferOf is the size of the buffer of a socket for what arrives, 0 if it cannot be read.
func bufferOf(*net.UDPConn) int { return 0 }
