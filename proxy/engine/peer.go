package engine

import (
	"net"
	"net/netip"
)

// peerOf is an address without port and zone.
func peerOf(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok {
		if ip, ok := netip.AddrFromSlice(tcp.IP); ok {
			return ip.Unmap().String()
		}
	}
	if parsed, err := netip.ParseAddrPort(a.String()); err == nil {
		return parsed.Addr().Unmap().WithZone("").String()
	}
	return a.String()
}
