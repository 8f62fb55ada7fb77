// Package limit keeps one client from taking what all clients share: it counts the connections and measures the request
// rate of each client. It knows addresses alone, nothing of connections, requests or routes. The policy worth stating:
// memory of clients is bounded, and the clients with the fewest requests are forgotten first, so that a flood of addresses
// costs little memory and resets the limit of no client that is over it.
package limit

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"strings"
)

// Key identifies a client: an IPv4 address, the first 64 bits of an IPv6 address, since a client has all of a /64, or the
// name of a client without an address. Keys are comparable. One may borrow from the text that it was made of.
type Key struct {
	text string
	bits uint64
	ip   family
}

type family uint8

const (
	ipv4 family = 4
	ipv6 family = 6
)

// KeyOf is the key of a client, whose address has no port. IPv4 mapped into IPv6 is IPv4; a zone is ignored. It does not
// allocate unless the client has a zone or is no address.
func KeyOf(client string) Key {
	addr, err := netip.ParseAddr(client)
	if err != nil {
		return Key{text: client}
	}
	return keyAt(addr)
}

// keyAt is the key of an address.
func keyAt(addr netip.Addr) Key {
	addr = addr.Unmap()
	if addr.Is4() {
		four := addr.As4()
		return Key{bits: uint64(binary.BigEndian.Uint32(four[:])), ip: ipv4}
	}
	sixteen := addr.As16()
	return Key{bits: binary.BigEndian.Uint64(sixteen[:]), ip: ipv6}
}

// String is the key for people: an address, a network such as "2001:db8:0:1::/64", or the name of the client.
func (k Key) String() string {
	switch k.ip {
	case ipv4:
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(k.bits)))).String()
	case ipv6:
		var sixteen [16]byte
		binary.BigEndian.PutUint64(sixteen[:], k.bits)
		return netip.PrefixFrom(netip.AddrFrom16(sixteen), 64).String()
	}
	return k.text
}

// hash cannot be predicted without the seed.
func (k Key) hash(seed maphash.Seed) uint64 {
	if k.ip == 0 {
		return maphash.String(seed, k.text)
	}
	var b [9]byte
	binary.BigEndian.PutUint64(b[:], k.bits)
	b[8] = byte(k.ip)
	return maphash.Bytes(seed, b[:])
}

// kept is the key with a copy of its text.
func (k Key) kept() Key {
	k.text = strings.Clone(k.text)
	return k
}
