package engine

import (
	"net"
	"net/netip"
)

// origin is the address of a peer, without port and zone, IPv4 not mapped into IPv6, and the same as text. A peer that
// is not on a network has only text.
type origin struct {
	addr netip.Addr
	peer string
}

func originAt(a netip.Addr) origin {
	a = a.Unmap().WithZone("")
	return origin{a, a.String()}
}

func originOf(a net.Addr) origin {
	if tcp, ok := a.(*net.TCPAddr); ok {
		if ip, ok := netip.AddrFromSlice(tcp.IP); ok {
			return originAt(ip)
		}
	}
	if parsed, err := netip.ParseAddrPort(a.String()); err == nil {
		return originAt(parsed.Addr())
	}
	return origin{peer: a.String()}
}
