// Command nameserver answers every query of DNS with "no such name", on the UDP address that is its argument. Without an
// answer a resolver waits: that of Docker's networks for 20 seconds.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "nameserver:", err)
		os.Exit(1)
	}
}

func serve(address string) error {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	const header, response, recursive, noSuchName = 12, 0x80, 0x80, 3
	query := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(query)
		if err != nil {
			return err
		}
		if n < header {
			continue
		}
		query[2] |= response
		query[3] = recursive | noSuchName
		// Who asked and is gone is no error.
		_, _ = conn.WriteTo(query[:n], from)
	}
}
