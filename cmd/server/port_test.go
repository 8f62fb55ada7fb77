package server

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"gateway/proxy/stack"
)

// HTTP/3 needs the UDP port too: one that is taken is named as such before anything is replaced.
func TestCheckPort_LooksAtUDPForHTTP3(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0") //nolint:noctx // It cannot block.
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := stack.Default()
	s.HTTPS = uint16(taken.LocalAddr().(*net.UDPAddr).Port) //nolint:gosec // a port
	if n := len(publishedBy(s)); n != 2 {
		t.Errorf("%d ports without HTTP/3", n)
	}
	s.HTTP3 = true
	ports := publishedBy(s)
	last := ports[len(ports)-1]
	if err := checkPort(t.Context(), last, netip.MustParseAddr("127.0.0.1")); !last.udp || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("%s: %v", last, err)
	}
}
